#!lua
-- Book in full the holds whose time is over, and forget what ended more than 8 days ago.
--
-- KEYS     the clinic's nine keys (start.lua)
-- ARGV[1]  the sighting (start.lua)
-- ARGV[2]  most holds to book, most records and most velocities to forget, each: 1 to 1000
--
-- Reply
--   LAPSED forgotten left ids   records and velocities forgotten; how many of all three kinds are left to do; the ids of
--                               the holds that were booked

local limit = sound(tonumber(ARGV[2]))
local over, horizon = digits(now), '(' .. digits(now - KEPT_S)

local function due(key, until_second)
  return redis.call('ZRANGEBYSCORE', key, '-inf', until_second, 'LIMIT', '0', digits(limit))
end

local lapsing, forgotten, stale = due(LIVE, over), due(ENDED, horizon), due(VELOCITY_ENDS, over)
for _, id in ipairs(lapsing) do
  local before = load_hold(id)
  local after = ending(id, 'lapsed', before.amount, before)
  after.month, after.purses, after.rate = before.month, before.purses, before.rate
  after.posts = {{now, before.amount}}
  turn(id, before, after)
end

-- What is only forgotten gets no number: if it was lost, nobody could restore it.
local entries = #lapsing > 0 and save_turned() or nil
if #forgotten > 0 then
  -- The latest comes last. It stays forgotten if a person sets the time back (restore.lua).
  keep('forgotten', digits(math.max(forgotten_until(), tonumber(redis.call('ZSCORE', ENDED, forgotten[#forgotten])))))
end
for _, id in ipairs(forgotten) do
  redis.call('HDEL', HOLDS, id)
  redis.call('ZREM', ENDED, id)
end
for _, name in ipairs(stale) do
  redis.call('HDEL', VELOCITY, name)
  redis.call('ZREM', VELOCITY_ENDS, name)
end

local left = redis.call('ZCOUNT', LIVE, '-inf', over) + redis.call('ZCOUNT', ENDED, '-inf', horizon)
  + redis.call('ZCOUNT', VELOCITY_ENDS, '-inf', over)
return finish({'LAPSED', #forgotten + #stale, left, lapsing}, entries)
