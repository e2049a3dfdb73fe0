#!/usr/bin/env bash
# Runs the tests of the queue of deals against ElasticMQ, an implementation of Amazon SQS with FIFO queues. Requires Java 17
# or newer and Maven, which fetches it from Maven Central on the first run into the cache directory.
#
#   tests/sqs/run.sh            fetch what is missing and run
#   tests/sqs/run.sh install    only fetch
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

version=1.7.1
cache="${XDG_CACHE_HOME:-$HOME/.cache}/vantage"
jars="$cache/elasticmq-$version"
if [ ! -d "$jars" ]; then
    mkdir -p "$cache"
    fetched="$(mktemp -d "$cache/elasticmq.XXXXXX")"
    cp pom.xml "$fetched/"
    (cd "$fetched" && mvn --quiet --batch-mode dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory=jars "-Delasticmq.version=$version")
    # Another run may have been faster.
    mv -T "$fetched/jars" "$jars" 2>/dev/null || true
    rm -rf "$fetched"
fi
if [ "${1:-}" = install ]; then
    exit
fi

scratch="$(mktemp -d "${TMPDIR:-/tmp}/vantage-sqs.XXXXXX")"
queue_pid=""
finish() {
    local status=$?
    trap - EXIT
    if [ -n "$queue_pid" ]; then
        kill "$queue_pid" 2>/dev/null || true
        # Its status is that of the signal.
        wait "$queue_pid" 2>/dev/null || true
    fi
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT

# Asks for an address, then takes it: below the range of outgoing connections, nobody else does meanwhile.
port=""
for candidate in $(seq 24170 24270 | shuf); do
    if ! (exec 3<> "/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then
        port="$candidate"
        break
    fi
done
cat > "$scratch/elasticmq.conf" <<CONFIGURATION
include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = $port, context-path = "" }
rest-sqs { enabled = true, bind-hostname = "127.0.0.1", bind-port = $port, sqs-limits = strict }
rest-stats { enabled = false }
generate-node-address = false
CONFIGURATION
java -Xmx192m -XX:+UseSerialGC "-Dconfig.file=$scratch/elasticmq.conf" -cp "$jars/*" org.elasticmq.server.Main \
    >"$scratch/elasticmq.log" 2>&1 </dev/null &
queue_pid=$!
until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    if ! kill -0 "$queue_pid" 2>/dev/null; then
        cat "$scratch/elasticmq.log" >&2
        exit 1
    fi
    sleep 0.2
done

VANTAGE_TEST_SQS_URL="http://127.0.0.1:$port" \
    cargo test --locked -p notifications --test notifications -- --ignored --nocapture deals_sqs::
