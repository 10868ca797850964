-- The record of one hold. It says all that it counts, so that what a purse holds is the sum of its records whatever the
-- order they came in. It is kept, and goes to the gates' journals, as the JSON list {1, field, field ...}:
--   state        live | lapsed | void | settled
--   sequence     number of the change that made it what it is
--   amount       micros: set aside while live, booked once ended
--   starts       whether this record carries its passage's start (the next trunk attempt inherits it)
--   score        its ledger second in `live` or `ended` (start.lua)
--   month        of the call's start
--   purses       list of {name, whether it has a ceiling without a window}
--   posts        list of {ledger second, micros spent then}; of what nobody restored also the highest number that it is
--                for, the micros for each, and the epoch of the numbers (thaw.lua)
--   rate         {connect, per minute, first increment, increment}: live and lapsed ones, and orphans that were joined to
--                their hold (restore.lua)
--   renewals     number of the last renewal, 0 for none; of one that has ended what it was at its end, a million if it had
--                lapsed, and nothing if its hold was not known
--   seconds      granted, of a live one; of an orphan how long it talked, 0 if nobody answered; what follows, live ones only
--   is_final, alarms             what was answered
--   costly       whether it is refused while the ledger is frozen
--   fingerprint  of its request
--   held_at      ledger second of the hold
-- Fields at the end that say nothing are left out. A record ends once; it is kept 8 days, and an id older than that is
-- not believed any more.

local KEPT_S = 8 * 86400
local RECORD_VERSION = 1
-- What begins the id of a record of what nobody restored (thaw.lua).
local MISSING = 'missing:'

local function missing_after(base)
  return MISSING .. epoch .. ':' .. digits(base)
end

-- The numbers after which some were missing and were priced.
local function priced_bases()
  local text = redis.call('HGET', META, 'priced')
  return text and cmsgpack.unpack(text) or {}
end

local FIELDS = {
  'state', 'sequence', 'amount', 'starts', 'score', 'month', 'purses', 'posts', 'rate', 'renewals', 'seconds', 'is_final',
  'alarms', 'costly', 'fingerprint', 'held_at',
}

local function packed(record)
  local values, last = {RECORD_VERSION}, 1
  for position, field in ipairs(FIELDS) do
    values[position + 1] = record[field] or false
    if record[field] then last = position + 1 end
  end
  for position = #values, last + 1, -1 do values[position] = nil end
  return values
end

local function unpacked(values)
  if values[1] ~= RECORD_VERSION then refuse('version of a record') end
  local record = {}
  for position, field in ipairs(FIELDS) do record[field] = values[position + 1] end
  record.purses, record.posts = record.purses or {}, record.posts or {}
  return record
end

local function load_hold(id)
  local text = redis.call('HGET', HOLDS, id)
  return text and unpacked(cjson.decode(text))
end

-- The second an id was made, from its end (`.1795000000`); 0 for an id that does not say.
local function made_at(id)
  return tonumber(string.match(id, '%.(%d+)$')) or 0
end

-- Records that ended later than this were never forgotten.
local function forgotten_until()
  return tonumber(redis.call('HGET', META, 'forgotten') or 0)
end

local function too_old(id)
  return made_at(id) > 0 and now - made_at(id) > KEPT_S
end

-- core/tariff.price. Exact: the dividend stays below 10^15, where a double's error is far below a sixtieth.
local function billed_seconds(rate, duration)
  if duration <= 0 then return 0 end
  local _, _, first, increment = unpack(rate)
  return first + math.ceil(math.max(0, duration - first) / increment) * increment
end

local function price(rate, duration)
  local connect, per_minute = unpack(rate)
  return connect + math.ceil(per_minute * billed_seconds(rate, duration) / 60)
end

-- How far a hold had come.
local function progress(record)
  return record.state == 'lapsed' and 1000000 or record.renewals
end

-- How an id ended, `before` if that was known. One from a clock ahead of ours is kept until it, too, would be too old to
-- believe.
local function ending(id, ended_as, amount, before)
  return {
    state = ended_as, sequence = number, amount = amount, starts = before and before.starts or false,
    score = math.max(now, made_at(id)), purses = {}, posts = {}, renewals = before and progress(before),
  }
end

-- Count what a record says (sign 1), or no longer (-1), in memory. `open` gives the account of a purse. What has left a
-- window changes nothing there: a refund posted now would let real spending pass the limit.
local function count(record, sign, open)
  for _, purse in ipairs(record.purses) do
    local entry = open(purse[1])
    if record.state == 'live' then
      entry.live = entry.live + sign
      entry.held = entry.held + sign * record.amount
    end
    for _, posted in ipairs(record.posts) do post(entry, sign * posted[2], posted[1], record.month, purse[2]) end
  end
end

local turned, position_of = {}, {}

-- Put a record in the place of another (nil: of none), in memory.
local function turn(id, before, after)
  if before then count(before, -1, account_to_change) end
  count(after, 1, account_to_change)
  position_of[id] = position_of[id] or #turned + 1
  turned[position_of[id]] = {id, after}
end

local function entry_of(id, record)
  return {'hold', id, packed(record)}
end

-- Write all that was turned; gives the entries for the journal.
local function save_turned()
  local entries = {}
  save_accounts()
  for position, pair in ipairs(turned) do
    local id, record = unpack(pair)
    local entry = entry_of(id, record)
    redis.call('HSET', HOLDS, id, cjson.encode(entry[3]))
    if record.state == 'live' then
      redis.call('ZADD', LIVE, digits(record.score), id)
    else
      redis.call('ZREM', LIVE, id)
      redis.call('ZADD', ENDED, digits(record.score), id)
    end
    entries[position] = entry
  end
  return entries
end

-- Answer again what became of an id.
local function tell_of(reply, id, record)
  return tell(reply, record.sequence, {entry_of(id, record)})
end
