-- The record of one hold.
--   state        live | settled | void | lapsed
--   amount       micros: set aside while live, booked once ended
--   starts       whether this record carries its passage's start (the next trunk attempt inherits it)
--   live and lapsed ones also: fingerprint, seconds, alarms (what was answered), month, rate, purses {name, total},
--   and for lapsed ones `posted`, the ledger second the amount was booked.
-- A record ends once; it is kept 8 days, and an id older than that is not believed any more.

local KEPT_S = 8 * 86400

local function load_hold(id)
  local packed = redis.call('HGET', HOLDS, id)
  return packed and cmsgpack.unpack(packed)
end

-- The second an id was made, from its end (`.1795000000`); 0 for an id that does not say.
local function made_at(id)
  return tonumber(string.match(id, '%.(%d+)$')) or 0
end

local function too_old(id)
  return made_at(id) > 0 and now - made_at(id) > KEPT_S
end

-- core/tariff.price. Exact: the dividend stays below 10^15, where a double's error is far below a sixtieth.
local function billed_seconds(rate, duration)
  if duration <= 0 then return 0 end
  local beyond = math.max(0, duration - rate.first_increment_s)
  return rate.first_increment_s + math.ceil(beyond / rate.increment_s) * rate.increment_s
end

local function price(rate, duration)
  return rate.connect_micros + math.ceil(rate.per_minute_micros * billed_seconds(rate, duration) / 60)
end

-- Take a live hold off its purses, in memory.
local function release(record)
  for _, purse in ipairs(record.purses) do
    local entry = account(purse.name)
    entry.live = entry.live - 1
    entry.held = entry.held - record.amount
  end
end

local function post_hold(record, amount, instant)
  for _, purse in ipairs(record.purses) do post(purse, amount, record.month, instant) end
end

-- Write how a hold ended. An id from a clock ahead of ours is kept until it, too, would be too old to believe.
local function save_ended(id, record)
  redis.call('HSET', HOLDS, id, cmsgpack.pack(record))
  redis.call('ZREM', LIVE, id)
  redis.call('ZADD', ENDED, digits(math.max(now, made_at(id))), id)
end
