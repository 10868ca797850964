-- What every script does first; nothing here writes.
--
-- KEYS[1..8], always all of them, all under the clinic's hash tag (callgate/ledger/keys.py):
--   meta HASH           now (ledger time, s), sequence (count of changes), skew (s, added to the server's clock; tests
--                       move time with it), revision (policy revision in force, 0 or absent: none published)
--   holds HASH          hold id -> record (see holds.lua)
--   live ZSET           hold id -> ledger second at which it lapses
--   ended ZSET          hold id -> ledger second it ended, or the second its id was made if that is later
--   books HASH          purse name -> account (see accounts.lua)
--   velocity HASH       velocity name -> list of {ledger second, tag}, oldest first
--   velocity_ends ZSET  velocity name -> ledger second from which its list says nothing any more
--   policies HASH       revision -> document
--
-- Ledger time is in whole seconds and never runs back: a script that finds the server's clock behind stays where it was.
-- An error can be raised only before the first write: scripts do not roll back.

local META, HOLDS, LIVE, ENDED, BOOKS, VELOCITY, VELOCITY_ENDS, POLICIES = unpack(KEYS)

local function refuse(what)
  error({err = 'INVALID ' .. what})
end

for position, kind in ipairs({'hash', 'hash', 'zset', 'zset', 'hash', 'hash', 'zset', 'hash'}) do
  local found = redis.call('TYPE', KEYS[position]).ok
  if found ~= 'none' and found ~= kind then refuse('type of ' .. KEYS[position]) end
end

-- Lua joins 10^15 to a string as "1e+15"; every number that becomes text goes through here.
local function digits(number)
  return string.format('%.0f', number)
end

-- Every number of a request must be a whole one that a double holds exactly.
local function sound(value)
  if type(value) == 'number' and (value % 1 ~= 0 or value < 0 or value > 4503599627370496) then refuse('number') end
  if type(value) == 'table' then
    for _, inner in pairs(value) do sound(inner) end
  end
  return value
end

local state = redis.call('HMGET', META, 'now', 'sequence', 'skew', 'revision')
local server_time = redis.call('TIME')
local now = math.max(tonumber(server_time[1]) + (tonumber(state[3]) or 0), tonumber(state[1]) or 0)
local sequence = tonumber(state[2]) or 0
local revision = tonumber(state[4]) or 0

-- Count one change. The last step of every script that changed something.
local function stamp()
  redis.call('HSET', META, 'now', digits(now), 'sequence', digits(sequence + 1))
end
