#!lua
-- Book in full the holds whose time is over, and forget what ended more than 8 days ago.
--
-- KEYS     the clinic's eight keys (start.lua)
-- ARGV[1]  most holds to book, most records and most velocities to forget, each: 1 to 1000
--
-- Reply
--   LAPSED forgotten left ids   records and velocities forgotten; how many of all three kinds are left to do; the ids of
--                               the holds that were booked

local limit = sound(tonumber(ARGV[1]))
local over, horizon = digits(now), '(' .. digits(now - KEPT_S)

local function due(key, until_second)
  return redis.call('ZRANGEBYSCORE', key, '-inf', until_second, 'LIMIT', '0', digits(limit))
end

local lapsing, forgotten, stale = due(LIVE, over), due(ENDED, horizon), due(VELOCITY_ENDS, over)
local records = {}
for position, id in ipairs(lapsing) do
  local record = load_hold(id)
  release(record)
  post_hold(record, record.amount, now)
  record.state, record.posted = 'lapsed', now
  records[position] = record
end

save_accounts()
for position, id in ipairs(lapsing) do save_ended(id, records[position]) end
for _, id in ipairs(forgotten) do
  redis.call('HDEL', HOLDS, id)
  redis.call('ZREM', ENDED, id)
end
for _, name in ipairs(stale) do
  redis.call('HDEL', VELOCITY, name)
  redis.call('ZREM', VELOCITY_ENDS, name)
end
-- With nothing to do nothing is written: a tick that writes costs thousands of disk flushes a day.
if #lapsing + #forgotten + #stale > 0 then stamp() end

local left = redis.call('ZCOUNT', LIVE, '-inf', over) + redis.call('ZCOUNT', ENDED, '-inf', horizon)
  + redis.call('ZCOUNT', VELOCITY_ENDS, '-inf', over)
return {'LAPSED', #forgotten + #stale, left, lapsing}
