-- What every script does first: look at the keys, the time, and whether something was lost. Only `finish` writes.
--
-- KEYS[1..9], always all of them, all under the clinic's hash tag (callgate/ledger/keys.py):
--   meta HASH           now (ledger second), taken (seconds that were ever taken away), base (seconds by which the count,
--                       which is both together, is ahead of the server's own clock), born (the server's microsecond
--                       when it began to count), boots (of each its name, a tab, its count at uptime 0 and a
--                       space, the latest last; a space before all), leap (ledger second of the last leap), sequence (number of the last change), epoch
--                       (which ledger this is), gate:NAME (number of that gate's last change), forgotten (highest
--                       ledger second of an ended record that was forgotten), priced (list of the numbers after which
--                       some are priced as missing, see thaw.lua), revision (policy revision in force, 0 or absent:
--                       none), published (number of the change that published it), former (epochs of the ledgers in
--                       whose place this one was repaired), loss ('' or absent unless frozen, see below)
--   holds HASH          hold id -> record (see holds.lua)
--   live ZSET           hold id -> ledger second at which it lapses
--   ended ZSET          hold id -> ledger second it ended, or the second its id was made if that is later
--   books HASH          purse name -> account (see accounts.lua)
--   velocity HASH       velocity name -> list of {ledger second, tag, number of the change}, oldest first
--   velocity_ends ZSET  velocity name -> ledger second from which its list says nothing any more
--   policies HASH       revision -> document
--   novelties SET       every novelty that was ever granted
--
-- ARGV[1]  core/sighting.Sighting as MessagePack, fields by name
--
-- Every reply is {epoch, number, mine, frozen, reply, records, count, taken, born}: the number of the change that `reply` speaks of (0: none,
-- or one that is told again and is not known to be this gate's own), the number of this gate's last change, the cause why
-- the ledger is frozen or '', what the script's head says, and the change itself for the gate's journal: JSON of
-- {1, epoch, number, entries}, '' if there is none; and ledger time, all 0 from a script that only reads. An entry is one of
--   {'hold', id, record}                               {'policy', revision, document}
--   {'start', velocity, span, most, second, tag}       {'novelty', name}
--   {'gap', last number, how many, booked}             numbers that no change has (see thaw.lua)
--
-- Ledger time and the freeze keep to callgate/ledger/base.py and restoration.py. A script that only reads keeps nothing
-- of either.
-- An error can be raised only before the first write: scripts do not roll back.

local META, HOLDS, LIVE, ENDED, BOOKS, VELOCITY, VELOCITY_ENDS, POLICIES, NOVELTIES = unpack(KEYS)
local CHANGE_VERSION = 1
local BOOTS_KEPT, BEHIND_S, ALL_S, KEPT_EVERY_S = 64, 5, 366 * 86400, 900
local LEAP_MIN_S, LEAP_MAX_S, LEAP_REST_S = 60, 35 * 86400, 86400
local NUMBERS_SKIPPED = 1000000

local function refuse(what)
  error({err = 'INVALID ' .. what})
end

for position, kind in ipairs({'hash', 'hash', 'zset', 'zset', 'hash', 'hash', 'zset', 'hash', 'set'}) do
  local found = redis.call('TYPE', KEYS[position]).ok
  if found ~= 'none' and found ~= kind then refuse('type of ' .. KEYS[position]) end
end

-- Lua joins 10^15 to a string as "1e+15"; every number that becomes text goes through here.
local function digits(number)
  return string.format('%.0f', number)
end

-- Every number of a request must be a whole one that a double holds exactly.
local function is_whole(value)
  return type(value) == 'number' and value % 1 == 0 and value >= 0 and value <= 4503599627370496
end

local function sound(value)
  if type(value) == 'number' and not is_whole(value) then refuse('number') end
  if type(value) == 'table' then
    for _, inner in pairs(value) do sound(inner) end
  end
  return value
end

local sighting = sound(cmsgpack.unpack(ARGV[1]))
local seen, ticks = sighting.seen, sighting.ticks
local GATE = 'gate:' .. sighting.gate

local state, unsaved = {}, {}
do
  local fields = {
    'now', 'taken', 'base', 'born', 'boots', 'leap', 'sequence', 'epoch', 'revision', 'published', 'loss', GATE,
  }
  for position, value in ipairs(redis.call('HMGET', META, unpack(fields))) do state[fields[position]] = value or nil end
end

local function keep(field, text)
  table.insert(unsaved, field)
  table.insert(unsaved, text)
end

-- Time.

local server_second, server_part = unpack(redis.call('TIME'))
local server_now = tonumber(server_second)
local trusted = math.min(server_now, ticks.wall_s)
local now, taken = tonumber(state.now) or trusted, tonumber(state.taken) or 0
local base = tonumber(state.base) or now + taken - server_now
local born = tonumber(state.born) or server_now * 1000000 + tonumber(server_part)
local leap = tonumber(state.leap)

-- The count that the gate proves: by what it was told itself, or by what an earlier process of its boot was told first,
-- which is all that is kept of a boot: two machines that were copied from one would raise it for each other.
local function proven_count()
  local proven, boots = sighting.proven, state.boots or ' '
  -- What a former ledger told says nothing, nor does one that had taken more: it has lost entries since.
  local count = proven and proven.born == born and proven.taken <= taken and proven.count or 0
  local _, position = string.find(boots, ' ' .. ticks.boot .. '\t', 1, true)
  if position then return math.max(count, tonumber(string.match(boots, '%S+', position + 1)) + ticks.uptime_s) end
  if count > 0 then
    boots = boots .. ticks.boot .. '\t' .. digits(count - ticks.uptime_s) .. ' '
    local _, known = string.gsub(boots, '\t', '')
    keep('boots', known > BOOTS_KEPT and string.gsub(boots, '^ [^ ]+', '') or boots)
  end
  return count
end

local proven, expected = proven_count(), server_now + base
now = math.max(now, proven - taken)
if proven < expected - BEHIND_S then
  -- Others may prove more than this gate, and would make what it books now grow old at once: all lose what has passed by
  -- the server's clock since; and all they have, if that clock was set back.
  local lost = expected - now - taken
  taken = taken + (lost < 0 and ALL_S or lost)
  if lost ~= 0 then keep('taken', digits(taken)) end
end

local ahead = trusted - now
if ticks.is_synced and ahead >= LEAP_MIN_S and ahead <= LEAP_MAX_S and (not leap or now - leap >= LEAP_REST_S) then
  now, leap = trusted, trusted
  keep('leap', digits(leap))
end

-- What was lost. While frozen, `loss` is a map (MessagePack):
--   cause      erased | replaced | regressed
--   epoch      whose numbers are lost: the one before, if the ledger was replaced
--   found      number of the last change that the ledger knew when it froze
--   base       the lost numbers begin after it
--   resumed    the ledger goes on after this number
--   since      ledger second of the freeze
--   word       ledger second of the last news: a gate was not heard before, or has restored more
--   said       gate -> whether it has said that it restored all it has; false for one that is known to have lost something
--   highest    highest lost number that any gate has spoken of
--   restored   gate -> how many of the lost numbers its journal has restored
--   gaps       last number of a gap -> {how many, booked} (thaw.lua)

local epoch, sequence, mine = state.epoch or seen.epoch, tonumber(state.sequence) or 0, tonumber(state[GATE]) or 0
local revision = tonumber(state.revision) or 0
local loss = state.loss and state.loss ~= '' and cmsgpack.unpack(state.loss) or nil

local function newly_lost()
  if seen.epoch == '' then return nil end
  if not state.epoch then return 'erased' end
  if seen.epoch ~= epoch then return 'replaced' end
  return seen.mine > mine and 'regressed' or nil
end

local function keep_loss()
  keep('loss', cmsgpack.pack(loss))
end

-- The epochs of the ledgers in whose place this one was repaired.
local function former_epochs()
  return redis.call('HGET', META, 'former') or ''
end

local function freeze(cause)
  -- Of a ledger that this one was repaired after nothing is looked for again: a gate that was away then restores it.
  local is_new = cause == 'replaced' and not string.find(former_epochs(), seen.epoch, 1, true)
  local resumed, base = sequence + NUMBERS_SKIPPED, is_new and 0 or sequence
  if cause ~= 'replaced' and seen.mine > resumed then resumed = seen.mine + NUMBERS_SKIPPED end
  loss = {
    cause = loss and loss.cause or cause, epoch = loss and loss.epoch or seen.epoch, found = sequence, base = loss and loss.base or base, resumed = resumed,
    since = now, word = now, said = {}, highest = 0, restored = {}, gaps = {},
  }
  sequence = resumed
  keep('sequence', digits(sequence))
  keep('epoch', epoch)
end

local cause = newly_lost()
if cause then
  -- A number above `resumed` was lost after the freeze: all gates must restore anew.
  if not loss or (cause == 'regressed' and seen.mine > loss.resumed) then freeze(cause) end
  loss.word, loss.said[sighting.gate] = now, false
  if seen.mine <= loss.base + NUMBERS_SKIPPED then loss.highest = math.max(loss.highest, seen.mine) end
  keep_loss()
  if cause ~= 'replaced' then
    mine = seen.mine
    keep(GATE, digits(mine))
  end
end

local function frozen()
  return loss and loss.cause or ''
end

-- The number that the change of this script gets.
local number = sequence + 1

-- Answer again what an earlier change did. Only this gate's last change is known to be its own: any other may be another
-- gate's or of another epoch, and would be taken for a number that this gate has kept.
local function tell(reply, earlier, entries)
  -- What is proven outlives a jump of the server's clock.
  local ahead_of_server = now + taken - server_now
  if not state.base or ahead_of_server > base then keep('base', digits(ahead_of_server)) end
  if not state.born then keep('born', digits(born)) end
  if #unsaved > 0 and not state.epoch and not cause then
    epoch = sighting.offer
    keep('epoch', epoch)
  end
  -- Time alone is kept in memory: a disk need not be flushed for it every second. Now and then it is, so that little is
  -- lost when the server is switched off.
  local is_due = math.floor(now / KEPT_EVERY_S) > math.floor((tonumber(state.now) or now) / KEPT_EVERY_S)
  if #unsaved == 0 and not is_due then redis.set_repl(redis.REPL_NONE) end
  keep('now', digits(now))
  redis.call('HSET', META, unpack(unsaved))
  local records = earlier > 0 and cjson.encode({CHANGE_VERSION, epoch, earlier, entries}) or ''
  return {epoch, earlier == mine and earlier or 0, mine, frozen(), reply, records, now + taken, taken, born}
end

-- The last step of every script that may change something. `entries` are what it changed, nil if nothing.
local function finish(reply, entries)
  if entries then
    mine = number
    keep('sequence', digits(number))
    keep(GATE, digits(number))
  end
  return tell(reply, entries and number or 0, entries)
end

-- The last step of a script that only reads. A loss that was found here is not kept, so the gate must go on telling it.
-- Nor is it told of time: others may prove more, and nothing was taken from them.
local function show(reply)
  if cause then return {seen.epoch, 0, seen.mine, frozen(), reply, '', 0, 0, 0} end
  return {epoch, 0, mine, frozen(), reply, '', 0, 0, 0}
end
