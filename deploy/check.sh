#!/usr/bin/env bash
# Checks the files of the deployment without a cluster or a container runtime, each with the tool that will read it.
# A tool that is not installed is skipped, and named at the end; nothing is installed.
#
#   deploy/check.sh                 with the `vantage` of $VANTAGE or of the last build, if there is one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

kubernetes=1.34
skipped=()
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

main() {
    prometheus
    alertmanager
    dashboards
    chart
    compose
    nginx_site
    units
    scripts
    configuration
    if [ ${#skipped[@]} -gt 0 ]; then
        printf 'skipped: %s\n' "${skipped[@]}"
    fi
    echo "ok"
}

has() {
    command -v "$1" >/dev/null
}

# Runs a command quietly; shows its output if it fails.
check() {
    local name="$1"
    shift
    if "$@" >"$scratch/output" 2>&1; then
        echo "checked: $name"
    else
        cat "$scratch/output" >&2
        echo "error: $name" >&2
        exit 1
    fi
}

prometheus() {
    if ! has promtool; then
        skipped+=("alert rules and their tests: promtool is not installed")
        return
    fi
    check "alert rules" promtool check rules prometheus/rules/*.yaml
    check "tests of the alert rules" promtool test rules prometheus/tests/*.yaml
    check "prometheus.yaml" promtool check config prometheus/prometheus.yaml
    # Debian's promtool knows no discovery in Kubernetes; then the rest of the file is checked.
    if ! promtool check config prometheus/prometheus-kubernetes.yaml >/dev/null 2>&1; then
        cp -r prometheus "$scratch/prometheus"
        sed -i 's/kubernetes_sd_configs: .*/static_configs: []/' "$scratch/prometheus/prometheus-kubernetes.yaml"
        skipped+=("kubernetes_sd_configs: not known to this promtool")
        check "prometheus-kubernetes.yaml" promtool check config "$scratch/prometheus/prometheus-kubernetes.yaml"
    fi
}

alertmanager() {
    if ! has amtool; then
        skipped+=("alertmanager.yaml: amtool is not installed")
        return
    fi
    check "alertmanager.yaml" amtool check-config alertmanager/alertmanager.yaml
    route checkout-payments-oncall,returns-chat alertname=ReturnsErrorRate team=checkout severity=critical
    route checkout-payments-oncall,checkout-chat alertname=PaymentMismatch team=checkout severity=critical
    route order-experience-oncall,checkout-chat alertname=WebSocketCapacity team=order-experience severity=critical
    route platform-oncall,platform-chat alertname=InstanceDown team=platform severity=critical
    route checkout-mail,returns-chat alertname=ReturnsWithoutScan team=checkout severity=warning
    route partners-chat alertname=PartnerWebhookDelayed team=partners severity=warning
    echo "checked: who is alerted"
}

# An alert with these labels goes to these receivers.
route() {
    local expected="$1" found
    shift
    found="$(amtool config routes test --config.file=alertmanager/alertmanager.yaml "$@" 2>/dev/null)"
    if [ "$found" != "$expected" ]; then
        echo "error: $* goes to $found instead of $expected" >&2
        exit 1
    fi
}

# Every query of the dashboards and of the runbooks is valid.
dashboards() {
    if ! has promtool || ! has jq; then
        skipped+=("queries of dashboards and runbooks: promtool or jq is not installed")
        return
    fi
    # shellcheck disable=SC2016 # These are Grafana's variables.
    local variables='gsub("\\$__rate_interval"; "5m") | gsub("\\$__range"; "1h") | gsub("\\$\\w+"; ".*")'
    {
        jq -r "[.. | .expr? // empty] | .[] | $variables" grafana/dashboards/*.json
        awk '/^ *```promql/ { query = 1; next } /^ *```/ { query = 0 } query && NF' ../docs/runbooks/*.md
    } >"$scratch/queries"
    jq -Rn '{groups: [{name: "queries", rules: [inputs | {record: "query", expr: ., labels: {n: "\(input_line_number)"}}]}]}' \
        "$scratch/queries" >"$scratch/queries.yaml"
    check "$(wc -l <"$scratch/queries") queries of dashboards and runbooks" promtool check rules "$scratch/queries.yaml"
}

chart() {
    if ! has helm; then
        skipped+=("the Helm chart: helm is not installed")
        return
    fi
    check "the Helm chart" helm lint --strict helm/vantage
    local manifests=(stable minimal) weight
    helm template vantage helm/vantage --kube-version "$kubernetes" >"$scratch/stable.yaml"
    printf 'flags: |\n  flags: {}\nclients: |\n  clients: []\n' >"$scratch/files.yaml"
    helm template vantage helm/vantage --kube-version "$kubernetes" -f "$scratch/files.yaml" \
        --set ingress.enabled=false,networkPolicy.enabled=false,migrations.enabled=false >"$scratch/minimal.yaml"
    for weight in 10 50 100; do
        helm template vantage-canary helm/vantage --kube-version "$kubernetes" -f "helm/canary/$weight.yaml" \
            >"$scratch/canary-$weight.yaml"
        check "a canary of $weight %" grep "canary-weight: \"$weight\"" "$scratch/canary-$weight.yaml"
        manifests+=("canary-$weight")
    done
    # The autoscaler's figures are a contract with operations.
    awk '/^kind: HorizontalPodAutoscaler/ { on = 1 } /^---/ { on = 0 } on' "$scratch/stable.yaml" |
        grep -A12 "name: vantage-router }" >"$scratch/hpa"
    check "the router's autoscaler: at least 2" grep "minReplicas: 2$" "$scratch/hpa"
    check "the router's autoscaler: at most 20" grep "maxReplicas: 20$" "$scratch/hpa"
    check "the router's autoscaler: 7,500 connections" grep 'averageValue: "7500"' "$scratch/hpa"
    if ! has kubernetes-validate; then
        skipped+=("the chart's manifests: kubernetes-validate is not installed")
        return
    fi
    for manifest in "${manifests[@]}"; do
        check "manifests, $manifest" kubernetes-validate --strict -k "$kubernetes" "$scratch/$manifest.yaml"
    done
}

compose() {
    if ! docker compose version >/dev/null 2>&1; then
        skipped+=("compose.yaml: docker compose is not installed")
        return
    fi
    check "compose.yaml" env SUBGRAPH_SECRET=x DEVELOPMENT_SECRET=x POSTGRES_PASSWORD=x \
        docker compose --file compose.yaml --profile '*' config --quiet
}

nginx_site() {
    local nginx
    if ! nginx="$(PATH="$PATH:/usr/sbin" command -v nginx)" || ! has openssl; then
        skipped+=("vantage.conf: nginx or openssl is not installed")
        return
    fi
    local root="$scratch/nginx"
    mkdir "$root"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$root/key" -out "$root/certificate" -days 1 -subj /CN=test \
        2>/dev/null
    sed "s#/etc/ssl/shop.example.com.pem#$root/certificate#; s#/etc/ssl/private/shop.example.com.key#$root/key#" \
        nginx/vantage.conf >"$root/site"
    cat >"$root/nginx.conf" <<CONF
pid $root/pid; error_log stderr; events {}
http {
  access_log off; include $root/site;
  client_body_temp_path $root/b; proxy_temp_path $root/p; fastcgi_temp_path $root/f; uwsgi_temp_path $root/u; scgi_temp_path $root/s;
}
CONF
    check "vantage.conf" "$nginx" -t -p "$root/" -c "$root/nginx.conf"
}

units() {
    if ! has systemd-analyze; then
        skipped+=("systemd units: systemd-analyze is not installed")
        return
    fi
    mkdir "$scratch/units"
    local unit
    for unit in systemd/*.service; do
        # The program need not be installed here.
        sed "s#^ExecStart=[^ ]*#ExecStart=/bin/true#; /^Documentation=file/d" "$unit" \
            >"$scratch/units/$(basename "${unit/@.service/@orders.service}")"
    done
    # It only warns of unknown settings, also of those in this machine's own units.
    systemd-analyze verify "$scratch"/units/*.service 2>&1 | grep vantage >"$scratch/warnings" || true
    check "systemd units" diff /dev/null "$scratch/warnings"
}

scripts() {
    if ! has shellcheck; then
        skipped+=("scripts: shellcheck is not installed")
        return
    fi
    check "scripts" env -C .. shellcheck -x deploy/check.sh deploy/drill.sh deploy/release.sh test.sh tests/servers.sh \
        tests/fleet/run.sh tests/objects/run.sh tests/previous/record.sh tests/previous/run.sh
}

# The configuration in the chart's values, by the program itself.
configuration() {
    local target="${CARGO_TARGET_DIR:-../target}" vantage="${VANTAGE:-}" build
    for build in release debug; do
        [ -n "$vantage" ] || [ ! -x "$target/$build/vantage" ] || vantage="$target/$build/vantage"
    done
    if [ -z "$vantage" ] || [ ! -f "$scratch/stable.yaml" ]; then
        skipped+=("the chart's configuration: there is no vantage binary, or helm is not installed")
        return
    fi
    awk '/^  vantage.yaml: \|/ { on = 1; next } on && /^(---|[^ ])/ { exit } on' "$scratch/stable.yaml" >"$scratch/vantage.yaml"
    grep -q trusted_proxies "$scratch/vantage.yaml"
    # With a value for every variable that the chart sets in the tracking pods, which have the most.
    awk '/name: vantage-tracking$/ && !seen++ { on = 1 } /^kind: Deployment/ { on = 1 } on' "$scratch/stable.yaml" |
        grep -oE 'VANTAGE_[A-Z0-9_]+' | sort -u >"$scratch/names"
    local name settings=()
    while read -r name; do
        case "$name" in
            VANTAGE_CONFIG) ;;
            VANTAGE_DATABASE_URL) settings+=("$name=postgres://vantage@postgres/vantage") ;;
            VANTAGE_REDIS_URL) settings+=("$name=redis://redis:6379") ;;
            *_URL) settings+=("$name=https://example.com/graphql") ;;
            *) settings+=("$name=0123456789abcdef0123456789abcdef") ;;
        esac
    done <"$scratch/names"
    check "the chart's configuration, with ${#settings[@]} variables" env -i "${settings[@]}" \
        "$vantage" config check --config "$scratch/vantage.yaml"
}

main
