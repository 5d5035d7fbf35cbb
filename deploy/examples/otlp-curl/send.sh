#!/bin/sh
# Sends one log record to Shieldwatch by OTLP/HTTP: Claude Code's event of a tool call that its user rejected.
# The token goes by a file descriptor: arguments of a program are visible to every user of the machine.
set -eu
now="$(date +%s)000000000"
curl --silent --show-error --fail-with-body "${SHIELDWATCH_URL:-http://127.0.0.1:4000}/v1/logs" \
  --header 'content-type: application/json' --header @/dev/fd/3 --data-binary @- 3<<TOKEN <<RECORD
authorization: Bearer $SHIELDWATCH_TOKEN
TOKEN
{
  "resourceLogs": [{
    "resource": { "attributes": [
      { "key": "service.name", "value": { "stringValue": "claude-code" } },
      { "key": "vcs.owner.name", "value": { "stringValue": "acme" } },
      { "key": "vcs.repository.name", "value": { "stringValue": "curl" } }
    ] },
    "scopeLogs": [{
      "scope": { "name": "com.anthropic.claude_code.events" },
      "logRecords": [{
        "timeUnixNano": "$now",
        "body": { "stringValue": "claude_code.tool_decision" },
        "attributes": [
          { "key": "event.name", "value": { "stringValue": "tool_decision" } },
          { "key": "session.id", "value": { "stringValue": "example" } },
          { "key": "tool_name", "value": { "stringValue": "Bash" } },
          { "key": "tool_use_id", "value": { "stringValue": "toolu_$now" } },
          { "key": "decision", "value": { "stringValue": "reject" } },
          { "key": "source", "value": { "stringValue": "user_reject" } }
        ]
      }]
    }]
  }]
}
RECORD
