-- KEYS: the buckets. ARGV: the cost, then cost_per_minute and burst of each bucket.
-- Returns for each bucket the microseconds until it is full, and those that the request has to wait.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost = tonumber(ARGV[1])
local function micros(bucket, amount)
    return math.ceil(amount * 60000000 / tonumber(ARGV[2 * bucket]))
end
local allowed = true
local debts, waits = {}, {}
for bucket, key in ipairs(KEYS) do
    local burst = tonumber(ARGV[2 * bucket + 1])
    debts[bucket] = math.max(tonumber(redis.call('GET', key) or '0') - now, 0)
    waits[bucket] = math.max(debts[bucket] + micros(bucket, math.min(cost, burst)) - micros(bucket, burst), 0)
    allowed = allowed and waits[bucket] == 0
end
local states = {}
for bucket, key in ipairs(KEYS) do
    if allowed then
        debts[bucket] = debts[bucket] + micros(bucket, cost)
        local expiry = math.ceil(debts[bucket] / 1000)
        if expiry > 0 then
            redis.call('SET', key, string.format('%.0f', now + debts[bucket]), 'PX', expiry)
        end
    end
    states[#states + 1] = string.format('%.0f', debts[bucket])
    states[#states + 1] = string.format('%.0f', waits[bucket])
end
return states
