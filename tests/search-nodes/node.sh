#!/usr/bin/env bash
# A real search node for tests, on this machine only, put together from artifacts on Maven Central.
#
#   node.sh install NODE          downloads it, once
#   node.sh start NODE DIR PORT   serves HTTP on 127.0.0.1:PORT (transport on PORT+1), and returns when it answers
#   node.sh stop DIR              ends it; its data stays in DIR
#   node.sh kill DIR              ends it as a crash does
#
# NODE is one of
#   opensearch-2.19     with painless and k-NN; Java 17 or newer
#   opensearch-3.5      with painless and k-NN; Java 21 or newer
#   elasticsearch-8.11  without painless, which is not on Maven Central; Java 17 or newer
#   elasticsearch-9.1   likewise; Java 21 or newer
#
# Needs Java, Maven, curl and unzip. HEAP sets the heap, 512m by default.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/vantage/search-nodes"
# How long a node may take to start, in seconds. It is processor time, so a busy machine takes longer.
patience=180

main() {
    case "${1:-}" in
    install)
        describe "${2:?NODE}"
        install
        ;;
    start)
        describe "${2:?NODE}"
        install
        start "${3:?DIR}" "${4:?PORT}"
        ;;
    stop) stop "${2:?DIR}" ;;
    kill) crash "${2:?DIR}" ;;
    *) fail "usage: node.sh install NODE | start NODE DIR PORT | stop DIR | kill DIR" ;;
    esac
}

fail() {
    echo "error: $*" >&2
    exit 1
}

# Sets what is known of a node: product, version, and the oldest Java that runs it.
describe() {
    node="$1"
    product="${node%-*}"
    case "$node" in
    opensearch-2.19) version=2.19.1 knn=2.19.1.0 oldest_java=17 ;;
    opensearch-3.5) version=3.5.0 knn=3.5.0.0 oldest_java=21 ;;
    elasticsearch-8.11) version=8.11.4 oldest_java=17 ;;
    elasticsearch-9.1) version=9.1.0 oldest_java=21 ;;
    *) fail "$node is none of opensearch-2.19, opensearch-3.5, elasticsearch-8.11, elasticsearch-9.1" ;;
    esac
    installed="$cache/$product-$version"
    find_java
}

# Sets `java_home` to the oldest Java that is new enough: nodes are tested with those.
find_java() {
    java_home=""
    local candidate found best=1000
    for candidate in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        [ -x "$candidate" ] || continue
        candidate="$(readlink -f "$candidate")"
        found="$("$candidate" -version 2>&1 | sed -nE '1s/.*"([0-9]+).*/\1/p')"
        if [ -n "$found" ] && [ "$found" -ge "$oldest_java" ] && [ "$found" -lt "$best" ]; then
            best="$found"
            java_home="$(dirname "$(dirname "$candidate")")"
        fi
    done
    [ -n "$java_home" ] || fail "$node needs Java $oldest_java or newer"
    local tool
    for tool in mvn curl unzip; do
        command -v "$tool" >/dev/null || fail "$tool is missing"
    done
}

# --- install -------------------------------------------------------------------------------------------

install() {
    [ ! -d "$installed" ] || return 0
    mkdir -p "$cache"
    work="$(mktemp -d "$cache/.$node.XXXXXX")"
    trap 'rm -rf "$work"' EXIT
    fetch
    unzip -qo "$work/jars/$product-$version.zip" -d "$work"
    local home="$work/$product-$version"
    if [ "$product" = opensearch ]; then
        [ "$version" != 2.19.1 ] || add_modules "$home"
        mkdir -p "$home/plugins/opensearch-knn"
        unzip -qo "$work/jars/opensearch-knn-$knn.zip" -d "$home/plugins/opensearch-knn"
    fi
    chmod -R a+rX "$home"
    # Another process may have been faster.
    mv -T "$home" "$installed" 2>/dev/null || [ -d "$installed" ]
    rm -rf "$work"
    trap - EXIT
}

dependency() {
    echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version>${4:+<type>$4</type>}</dependency>"
}

# Maven resolves the artifacts with its own settings, such as mirrors.
fetch() {
    {
        echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        echo '<groupId>test</groupId><artifactId>node</artifactId><version>1</version><packaging>pom</packaging><dependencies>'
        dependency "org.$product.distribution.integ-test-zip" "$product" "$version" zip
        if [ "$product" = opensearch ]; then
            dependency org.opensearch.plugin opensearch-knn "$knn" zip
        fi
        if [ "$version" = 2.19.1 ]; then
            local name
            for name in lang-painless opensearch-scripting-painless-spi analysis-common mapper-extras-client; do
                dependency org.opensearch.plugin "$name" "$version"
            done
            dependency org.antlr antlr4-runtime 4.13.1
            for name in asm asm-util asm-tree asm-commons asm-analysis; do
                dependency org.ow2.asm "$name" 9.7
            done
        fi
        echo '</dependencies></project>'
    } >"$work/pom.xml"
    (cd "$work" && mvn -q -B dependency:copy-dependencies -DexcludeTransitive=true -DoutputDirectory=jars)
}

# OpenSearch 2's distribution has no modules but the transport.
add_modules() {
    local modules="$1/modules" jars="$work/jars"
    add_module lang-painless org.opensearch.painless.PainlessPlugin "$jars"/{lang-painless,opensearch-scripting,antlr4,asm}-*.jar
    cat >"$modules/lang-painless/plugin-security.policy" <<'POLICY'
grant {
  permission java.lang.RuntimePermission "createClassLoader";
  permission java.lang.RuntimePermission "getClassLoader";
};
POLICY
    add_module analysis-common org.opensearch.analysis.common.CommonAnalysisPlugin "$jars"/analysis-common-*.jar
    add_module mapper-extras org.opensearch.index.mapper.MapperExtrasPlugin "$jars"/mapper-extras-client-*.jar
}

add_module() {
    local name="$1" class="$2"
    shift 2
    mkdir -p "$modules/$name"
    cp "$@" "$modules/$name/"
    cat >"$modules/$name/plugin-descriptor.properties" <<DESCRIPTOR
description=$name
version=$version
name=$name
classname=$class
java.version=11
opensearch.version=$version
custom.foldername=
extended.plugins=
has.native.controller=false
DESCRIPTOR
}

# --- run -----------------------------------------------------------------------------------------------

start() {
    local dir="$1" port="$2" heap="${HEAP:-512m}" home="$installed" upper
    mkdir -p "$dir"
    dir="$(cd "$dir" && pwd)"
    mkdir -p "$dir"/{config,data,logs,tmp}
    local run=()
    if [ "$(id -u)" -eq 0 ]; then
        # Nodes refuse to run as root, and other users may not read its cache.
        home="$dir/home"
        [ -d "$home" ] || cp -a --reflink=auto "$installed" "$home"
        run=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    fi
    configure "$dir" "$port" "$heap"
    [ "$(id -u)" -ne 0 ] || chown -R 65534:65534 "$dir"/{config,data,logs,tmp}
    upper=OPENSEARCH
    [ "$product" = opensearch ] || upper=ES
    run+=(env -C "$home" "${upper}_PATH_CONF=$dir/config" "${upper}_TMPDIR=$dir/tmp" "${upper}_JAVA_HOME=$java_home" "HOME=$dir/tmp")
    "${run[@]}" "bin/$product" >"$dir/logs/stdout.log" 2>&1 </dev/null &
    local pid=$!
    echo "$pid" >"$dir/node.pid"
    local deadline=$((SECONDS + patience))
    until curl -sf "http://127.0.0.1:$port/_cluster/health?wait_for_status=yellow&timeout=1s" >/dev/null; do
        if ! kill -0 "$pid" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
            tail -n 30 "$dir/logs/stdout.log" >&2
            stop "$dir"
            fail "$node did not start"
        fi
        sleep 0.3
    done
    echo "$node $version answers on port $port"
}

configure() {
    local dir="$1" port="$2" heap="$3" file
    for file in log4j2.properties role_mapping.yml roles.yml users users_roles; do
        [ ! -f "$installed/config/$file" ] || cp "$installed/config/$file" "$dir/config/"
    done
    {
        grep -v -E '^-Xm[sx]|gc\.log|HeapDump|ErrorFile' "$installed/config/jvm.options"
        printf -- '-Xms%s\n-Xmx%s\n' "$heap" "$heap"
    } >"$dir/config/jvm.options"
    # Bound to loopback, a node does not check the limits that production needs.
    cat >"$dir/config/$product.yml" <<YAML
cluster.name: test
node.name: node
path.data: $dir/data
path.logs: $dir/logs
network.host: 127.0.0.1
http.port: $port
transport.port: $((port + 1))
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
YAML
    if [ "$product" = elasticsearch ]; then
        echo "xpack.security.enabled: false" >>"$dir/config/$product.yml"
    else
        echo "bootstrap.system_call_filter: false" >>"$dir/config/$product.yml"
    fi
}

stop() {
    local file="$1/node.pid" pid
    [ -f "$file" ] || return 0
    pid="$(cat "$file")"
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.3
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$file"
}

# Elasticsearch's server is a child of its launcher.
crash() {
    local pid
    pid="$(cat "$1/node.pid")"
    local children=()
    read -ra children <"/proc/$pid/task/$pid/children" || true
    kill -9 "$pid" "${children[@]}" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    rm -f "$1/node.pid"
}

main "$@"
