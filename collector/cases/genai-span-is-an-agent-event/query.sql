SELECT agent, kind, session_id, tool, tool_call_id, model, toUInt32(input_tokens) AS input_tokens, toUInt32(output_tokens) AS output_tokens, success
FROM agent_event WHERE trace_id = 'c0dec0dec0dec0dec0dec0dec0dec0de' ORDER BY agent
