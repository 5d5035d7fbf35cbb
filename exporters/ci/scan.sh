# Scans a repository in a CI job and sends the result. action.yml and gitlab.yml run it with `/bin/bash -p`, which
# imports no functions and sources no BASH_ENV. All input comes as variables, none of it is executed.
#
# The repository is not trusted: no name is resolved in it, no command runs in it, and each process gets its own
# environment. Node and the bundle come from outside of it, the bundle is verified by its checksum.
set -euo pipefail
umask 077
export PATH=/usr/local/bin:/usr/bin:/bin
token=${SHIELDWATCH_TOKEN:-}
unset SHIELDWATCH_TOKEN

fail() {
  printf 'shieldwatch: %s\n' "$1" >&2
  [ -z "${GITHUB_OUTPUT:-}" ] || echo 'exit-code=1' >> "$GITHUB_OUTPUT"
  exit 1
}

workspace=${GITHUB_WORKSPACE:-${CI_PROJECT_DIR:-}}
[ -d "$workspace" ] || fail 'neither GITHUB_WORKSPACE nor CI_PROJECT_DIR is a folder'
workspace=$(cd -P -- "$workspace" && pwd)
bundle=${SHIELDWATCH_BUNDLE:-}
checksum=${SHIELDWATCH_BUNDLE_SHA256:-}
[ -n "${SHIELDWATCH_URL:-}" ] || fail 'SHIELDWATCH_URL (ingest-url) is empty; expected the base URL of the gateway'
[ -n "$token" ] || fail 'SHIELDWATCH_TOKEN (token) is empty; expected an ingest token with the scope ingest:scan'
[[ $checksum =~ ^[0-9a-f]{64}$ ]] || fail 'SHIELDWATCH_BUNDLE_SHA256 (bundle-sha256) is not 64 lower-case hexadecimal digits'

work=$(mktemp -d "${RUNNER_TEMP:-/tmp}/shieldwatch.XXXXXXXXXX")
trap 'rm -rf -- "$work"' EXIT
mkdir "$work/home" "$work/tmp" "$work/empty"
cd "$work/empty"

# A path from the workflow: relative to the repository; made absolute, so that it cannot be read as an option.
located() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$workspace" "$1" ;; esac; }

clean=(/usr/bin/env -i PATH="$PATH" HOME="$work/home" TMPDIR="$work/tmp" LANG=C.UTF-8)
[ -z "${SHIELDWATCH_CA_FILE:-}" ] || clean+=(NODE_EXTRA_CA_CERTS="$(located "$SHIELDWATCH_CA_FILE")")

# Node: the configured one, else one of the image or the runner's tools. Not from PATH: earlier steps and the
# repository's own tools prepend folders to it.
is_node() {
  [ -x "$1" ] && [ ! -d "$1" ] || return 1
  case $(cd -P -- "$(dirname -- "$1")" && pwd)/ in "$workspace"/*) return 1 ;; esac
  "${clean[@]}" "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' < /dev/null 2> /dev/null
}
node=
for candidate in "${SHIELDWATCH_NODE:-/usr/local/bin/node}" /usr/bin/node /opt/homebrew/bin/node "${RUNNER_TOOL_CACHE:-/opt/hostedtoolcache}"/node/*/*/bin/node; do
  if is_node "$candidate"; then node=$candidate; break; fi
  [ -z "${SHIELDWATCH_NODE:-}" ] || fail 'SHIELDWATCH_NODE (node) is not a Node of 20.19 or newer outside the repository'
done
[ -n "$node" ] || fail 'no Node of 20.19 or newer in /usr/local/bin, /usr/bin, /opt/homebrew/bin or the runner'"'"'s tools; name one by SHIELDWATCH_NODE (node)'

case $bundle in
  https://*) ;;
  '' | *://*) fail 'SHIELDWATCH_BUNDLE (bundle) is neither a path nor an https URL' ;;
  *) bundle=$(located "$bundle") ;;
esac
# Read once, so that the unpacked bytes are the verified ones.
"${clean[@]}" "$node" -e '
  const { createHash } = require("node:crypto");
  const { readFileSync, writeFileSync } = require("node:fs");
  const [from, expected, to] = process.argv.slice(1);
  const download = async () => {
    const answer = await fetch(from, { signal: AbortSignal.timeout(300_000) });
    if (!answer.ok) throw new Error(`the download of the bundle was answered with ${answer.status}`);
    return Buffer.from(await answer.arrayBuffer());
  };
  (async () => {
    const bytes = from.startsWith("https://") ? await download() : readFileSync(from);
    const actual = createHash("sha256").update(bytes).digest("hex");
    if (actual !== expected) throw new Error(`the SHA-256 of the bundle is ${actual}, expected ${expected}`);
    writeFileSync(to, bytes, { flag: "wx" });
  })().catch((error) => { console.error(`shieldwatch: ${error.message}`); process.exit(1); });
' "$bundle" "$checksum" "$work/bundle.tgz" < /dev/null || fail 'the bundle was not used'
"${clean[@]}" tar -xzf "$work/bundle.tgz" -C "$work" --no-same-owner < /dev/null

# Metadata about the job for the scan.
context=(SHIELDWATCH_URL="$SHIELDWATCH_URL")
repository=${SHIELDWATCH_REPOSITORY:-${GITHUB_REPOSITORY:+${GITHUB_SERVER_URL:-https://github.com}/$GITHUB_REPOSITORY}}
repository=${repository:-${CI_PROJECT_URL:-${CI_PROJECT_PATH:-}}}
[ -z "$repository" ] || context+=(SHIELDWATCH_REPOSITORY="$repository")
for name in \
  GITHUB_ACTIONS GITHUB_SERVER_URL GITHUB_REPOSITORY GITHUB_REPOSITORY_ID GITHUB_RUN_ID GITHUB_REF GITHUB_REF_NAME GITHUB_REF_TYPE GITHUB_HEAD_REF GITHUB_SHA GITHUB_WORKFLOW GITHUB_JOB \
  GITLAB_CI CI_COMMIT_SHA CI_COMMIT_REF_NAME CI_COMMIT_TAG CI_MERGE_REQUEST_IID CI_MERGE_REQUEST_SOURCE_BRANCH_NAME CI_PIPELINE_ID CI_PIPELINE_NAME CI_PIPELINE_URL CI_PROJECT_NAME CI_PROJECT_PATH CI_PROJECT_URL CI_JOB_NAME
do
  [ -z "${!name:-}" ] || context+=("$name=${!name}")
done

options=()
[ -z "${SHIELDWATCH_POLICY:-}" ] || options+=(--policy "$(located "$SHIELDWATCH_POLICY")")
[ -z "${SHIELDWATCH_BASELINE:-}" ] || options+=(--baseline "$(located "$SHIELDWATCH_BASELINE")")
[ "${SHIELDWATCH_GATE:-false}" != true ] || options+=(--gate)

# The report quotes the repository, and GitHub's runner executes lines of a log that look like commands.
quiet=${work##*.}
[ -z "${GITHUB_ACTIONS:-}" ] || echo "::stop-commands::$quiet"
code=0
"${clean[@]}" "${context[@]}" "$node" "$work/shieldwatch/ci.mjs" scan "$(located "${SHIELDWATCH_PATH:-.}")" \
  "--min-severity=${SHIELDWATCH_MIN_SEVERITY:-info}" -- ${options[@]+"${options[@]}"} < <(printf '%s' "$token") || code=$?
[ -z "${GITHUB_ACTIONS:-}" ] || printf '\n::%s::\n' "$quiet"
[ -z "${GITHUB_OUTPUT:-}" ] || echo "exit-code=$code" >> "$GITHUB_OUTPUT"
if [ "${SHIELDWATCH_FAIL:-true}" != true ] && [ "$code" -ge 2 ] && [ "$code" -le 4 ]; then code=0; fi
exit "$code"
