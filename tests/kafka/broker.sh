#!/usr/bin/env bash
# A real Kafka broker for tests, on this machine only, put together from artifacts on Maven Central.
#
#   broker.sh install          downloads it, once
#   broker.sh start DIR PORT   serves on 127.0.0.1:PORT, and with TLS and SASL on PORT+1 (its controller is on PORT+2);
#                              returns when it answers
#   broker.sh stop DIR         ends it; its data stays in DIR
#   broker.sh tool DIR CLASS ARGUMENTS…   runs one of Kafka's own tools
#
# Over TLS, the user `vantage` has the password `secret-of-the-tests` for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, and
# DIR/ca.pem has the certificate. Needs Java 17 or newer, and Maven. HEAP sets the heap, 320m by default.
set -euo pipefail

version=4.1.1
cache="${XDG_CACHE_HOME:-$HOME/.cache}/vantage"
jars="$cache/kafka-$version"
# How long the broker may take to start, in seconds. It is processor time, so a busy machine takes longer.
patience=180

main() {
    case "${1:-}" in
    install) install ;;
    start)
        install
        start "${2:?DIR}" "${3:?PORT}"
        ;;
    stop) stop "${2:?DIR}" ;;
    tool)
        dir="${2:?DIR}"
        shift 2
        java_with 128m "$dir/tool.log" "$@"
        ;;
    *) fail "usage: broker.sh install | start DIR PORT | stop DIR | tool DIR CLASS ARGUMENTS…" ;;
    esac
}

fail() {
    echo "error: $*" >&2
    exit 1
}

install() {
    [ ! -d "$jars" ] || return 0
    mkdir -p "$cache"
    local fetched
    fetched="$(mktemp -d "$cache/.kafka.XXXXXX")"
    cp "$(dirname "${BASH_SOURCE[0]}")/pom.xml" "$fetched/"
    (cd "$fetched" && mvn --quiet --batch-mode dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory=jars "-Dkafka.version=$version")
    # Another run may have been faster.
    mv -T "$fetched/jars" "$jars" 2>/dev/null || [ -d "$jars" ]
    rm -rf "$fetched"
}

# Runs a class of Kafka's: heap, log file, class and arguments.
java_with() {
    local heap="$1" log="$2"
    shift 2
    exec java "-Xmx$heap" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        "-Dorg.slf4j.simpleLogger.logFile=$log" -cp "$jars/*" "$@"
}

start() {
    local dir="$1" port="$2" pid deadline
    mkdir -p "$dir"
    dir="$(cd "$dir" && pwd)"
    configure "$dir" "$port"
    if [ ! -f "$dir/data/meta.properties" ]; then
        (java_with 128m "$dir/format.log" kafka.tools.StorageTool format \
            -t MkU3OEVBNTcwNTJENDM2Qg -c "$dir/server.properties" \
            --add-scram 'SCRAM-SHA-256=[name=vantage,password=secret-of-the-tests]' \
            --add-scram 'SCRAM-SHA-512=[name=vantage,password=secret-of-the-tests]') >"$dir/format.out" 2>&1 ||
            { cat "$dir/format.out" >&2 && fail "the data directory could not be formatted"; }
    fi
    (java_with "${HEAP:-320m}" "$dir/broker.log" kafka.Kafka "$dir/server.properties") >"$dir/broker.out" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$dir/broker.pid"
    deadline=$((SECONDS + patience))
    # The last listener to open is the one with TLS.
    until { exec 3<>"/dev/tcp/127.0.0.1/$port" && exec 4<>"/dev/tcp/127.0.0.1/$((port + 1))"; } 2>/dev/null; do
        if ! kill -0 "$pid" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
            tail -n 30 "$dir"/broker.{log,out} >&2
            stop "$dir"
            fail "the broker did not start"
        fi
        sleep 0.2
    done
    exec 3>&- 4>&-
    echo "kafka $version answers on port $port"
}

configure() {
    local dir="$1" port="$2" user='username="vantage" password="secret-of-the-tests"' module=org.apache.kafka.common.security
    if [ ! -f "$dir/ca.pem" ]; then
        local keystore=(-keystore "$dir/broker.p12" -storetype PKCS12 -storepass secret-of-the-tests -alias broker)
        keytool -genkeypair "${keystore[@]}" -keyalg EC -groupname secp256r1 -validity 3650 -dname CN=localhost \
            -ext SAN=dns:localhost,ip:127.0.0.1 2>"$dir/keytool.log"
        keytool -exportcert -rfc "${keystore[@]}" -file "$dir/ca.pem" 2>>"$dir/keytool.log"
    fi
    cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 2))
listeners=PLAINTEXT://127.0.0.1:$port,SASL_SSL://127.0.0.1:$((port + 1)),CONTROLLER://127.0.0.1:$((port + 2))
advertised.listeners=PLAINTEXT://127.0.0.1:$port,SASL_SSL://localhost:$((port + 1))
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=$module.plain.PlainLoginModule required $user user_vantage="secret-of-the-tests";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=$module.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required;
ssl.keystore.location=$dir/broker.p12
ssl.keystore.type=PKCS12
ssl.keystore.password=secret-of-the-tests
log.dirs=$dir/data
auto.create.topics.enable=false
message.max.bytes=1048588
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=3000
PROPERTIES
}

stop() {
    local file="$1/broker.pid" pid
    [ -f "$file" ] || return 0
    pid="$(cat "$file")"
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.2
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$file"
}

main "$@"
