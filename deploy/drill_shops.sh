# The problems of deploy/drill.sh that need other settings or processes: it starts its shop again with them, and as before at the
# end. deploy/drill.sh sources this file.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The script sets them.

# Its processes start when neither answers.
lose_stores() {
    restart_shop VANTAGE_OBJECTS__S3__BUCKET=labels VANTAGE_OBJECTS__S3__ENDPOINT=http://127.0.0.1:1 \
        VANTAGE_OBJECTS__S3__ACCESS_KEY_ID=drill VANTAGE_OBJECTS__S3__SECRET_ACCESS_KEY=secret-of-the-drill \
        VANTAGE_SEARCH__ENGINE=opensearch VANTAGE_SEARCH__URL=http://127.0.0.1:1
}

# Prices that are asked for take until the time limit.
allow_little() {
    restart_shop VANTAGE_SERVER__OVERLOAD__ENABLED=true VANTAGE_SERVER__OVERLOAD__MAX_RUNNING=8 \
        VANTAGE_SUBGRAPHS__CALL_TIMEOUT=10s
    pause_pricing
}

# Each reads a thousand prices.
ask_much() {
    local query number asked=()
    query="$(for number in {1..10}; do echo "p$number: productSearch(query: \"$RANDOM\", first: 100) { nodes { price { current { amount { amount } } } } }"; done)"
    for number in {1..20}; do
        graphql "$(jq -nc --arg query "{ n$number: __typename $query }" '{query: $query}')" &
        asked+=($!)
    done
    wait "${asked[@]}"
}

restore_limits() {
    continue_pricing
    restart_shop
}

# Starts a subgraph beside the shop, which asks it from then on. What it asks of orders is not needed here.
split() {
    local name="$1" port="$2"
    shift 2
    stop shop
    start "$name" env -i "${settings[@]}" "VANTAGE_PROVIDERS__DHL__URL=http://127.0.0.1:$sandbox" \
        VANTAGE_PROVIDERS__DHL__KEY=sandbox-key "VANTAGE_SUBGRAPHS__PRICING__URL=http://127.0.0.1:$pricing/graphql" \
        VANTAGE_SUBGRAPHS__ORDERS__URL=http://127.0.0.1:1/graphql \
        "$vantage" subgraph "$name" --listen "127.0.0.1:$port"
    until_answers "http://127.0.0.1:$port/readyz"
    start_shop "VANTAGE_SUBGRAPHS__${name^^}__URL=http://127.0.0.1:$port/graphql" "$@"
}

join() {
    kill -CONT "${pids[$1]}"
    stop "$1"
    restart_shop
}

split_search() {
    split search "$search"
}

# A search that begins while it stands still for a moment.
slow_search() {
    kill -STOP "${pids[search]}"
    graphql '{"query":"{ productSearch(query: \"'"$RANDOM"'\", first: 1) { nodes { id } } }"}' &
    local asked=$!
    sleep 0.3
    kill -CONT "${pids[search]}"
    wait "$asked"
}

join_search() {
    join search
}

# A subscription to the parcel of an order that is on its way. Returns once it has the parcel's state.
watch_order() {
    local query='{ me { orders(first: 50, status: [SHIPPED]) { nodes { id shipments { trackingNumber carrier status } } } } }' order
    curl -s "http://127.0.0.1:$shop/graphql" -H "authorization: Bearer $token" --json "$(jq -n --arg query "$query" '{query: $query}')" |
        jq -r '.data.me.orders.nodes[] | select(any(.shipments[]; .status != "DELIVERED")) | "\(.id) \(.shipments[0].trackingNumber)"' |
        head -n 1 >"$scratch/watched"
    read -r order parcel <"$scratch/watched"
    # shellcheck disable=SC2016 # This is GraphQL's variable.
    query='subscription($order: ID!) { orderTracking(orderId: $order) { sequence } }'
    : >"$scratch/watcher.log"
    start watcher curl -sN "http://127.0.0.1:$shop/graphql" -H "authorization: Bearer $token" -H "accept: text/event-stream" \
        --json "$(jq -nc --arg query "$query" --arg order "$order" '{query: $query, variables: {order: $order}}')"
    await_line watcher '^event: *next'
}

# Waits for a line in the output of a process.
await_line() {
    local started=$SECONDS
    until grep -q "$2" "$scratch/$1.log"; do
        [ $((SECONDS - started)) -lt 300 ] || { echo "error: no such line from $1: $2" >&2 && exit 1; }
        sleep 0.2
    done
}

stop_watching() {
    stop watcher
}

# Something happens to the parcel while Redis stands still.
move_slowly() {
    kill -STOP "${pids[redis]}"
    control "shipments/$parcel/status" '{"status":"'"$(shuf -n 1 -e IN_TRANSIT OUT_FOR_DELIVERY)"'","location":"'"Place $RANDOM"'"}'
    sleep 0.3
    kill -CONT "${pids[redis]}"
}

lose_tracking() {
    split tracking "$tracking" VANTAGE_SERVER__STREAMING__SOURCE_RECOVERY=1s
    watch_order
    stop tracking KILL
}

join_tracking() {
    stop watcher
    restart_shop
}

# They are silent, and asked nothing. Opening them is work: minutes with a debug build on a busy machine.
open_many_sockets() {
    through=(prlimit --nofile=20000:20000)
    restart_shop VANTAGE_SERVER__CONNECTIONS__MAX=12000 VANTAGE_SERVER__CONNECTIONS__MAX_PER_ADDRESS=12000 \
        VANTAGE_SERVER__WEBSOCKET__MAX_CONNECTIONS=10000 VANTAGE_SERVER__WEBSOCKET__MAX_ANONYMOUS_PER_ADDRESS=10000 \
        VANTAGE_SERVER__WEBSOCKET__MAX_UPGRADES_PER_SECOND=10000 VANTAGE_SERVER__WEBSOCKET__MAX_UPGRADES_PER_MINUTE=100000 \
        VANTAGE_SERVER__WEBSOCKET__PING_INTERVAL=10m
    through=()
    : >"$scratch/sockets.log"
    start sockets prlimit --nofile=20000:20000 python3 -c "$sockets" "$shop" silent 8100 0
    await_line sockets '^all are open'
}

close_many_sockets() {
    stop sockets KILL
    restart_shop
}
