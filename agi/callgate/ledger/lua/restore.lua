#!lua
-- Take back what the gates' journals say was written. Nothing counts twice, and what has ended stays so.
--
-- KEYS      the clinic's nine keys (start.lua)
-- ARGV[1]   the sighting (start.lua)
-- ARGV[2..] changes as start.lua writes them, oldest first
--
-- Reply
--   RESTORED taken base   how many entries were not known yet; the lost numbers begin after base

local RANKS = {live = 1, lapsed = 2, void = 3, settled = 4}

local function expect(valid, what)
  if not valid then refuse(what) end
end

local IS = {
  number = is_whole,
  string = function(value) return type(value) == 'string' end,
  boolean = function(value) return type(value) == 'boolean' end,
  table = function(value) return type(value) == 'table' end,
}

local function is_row(row, kinds)
  if type(row) ~= 'table' then return false end
  for position, kind in ipairs(kinds) do
    if not IS[kind](row[position]) then return false end
  end
  return true
end

local function are_rows(list, kinds)
  if type(list) ~= 'table' then return false end
  for _, row in ipairs(list) do
    if not is_row(row, kinds) then return false end
  end
  return true
end

local PURSE, POST, RATE = {'string', 'boolean'}, {'number', 'number'}, {'number', 'number', 'number', 'number'}
local NUMBERS = {'sequence', 'amount', 'score'}
local NUMBERS_OF_LIVE = {'renewals', 'seconds', 'held_at'}

local function checked_record(values)
  local record = unpacked(values)
  expect(RANKS[record.state], 'state')
  expect(are_rows(record.purses, PURSE) and are_rows(record.posts, POST), 'purses')
  expect(#record.purses == 0 or type(record.month) == 'string', 'month')
  for _, field in ipairs(NUMBERS) do expect(is_whole(record[field]), field) end
  if record.state == 'live' or record.state == 'lapsed' then expect(is_row(record.rate, RATE), 'rate') end
  for _, field in ipairs({'seconds', 'renewals'}) do expect(not record[field] or is_whole(record[field]), field) end
  if record.state == 'live' then
    for _, field in ipairs(NUMBERS_OF_LIVE) do expect(is_whole(record[field]), field) end
  end
  return record
end

local CHANGE = {'number', 'string', 'number', 'table'}
local ENTRIES = {
  hold = {'string', 'string', 'table'},
  start = {'string', 'string', 'number', 'number', 'number', 'string'},
  novelty = {'string', 'string'},
  policy = {'string', 'number', 'string'},
  gap = {'string', 'number', 'number', 'number'},
}

-- Every number that is counted with is checked here, and no other: to look at all costs as much as to read them.
local function read_change(text)
  local change = cjson.decode(text)
  expect(is_row(change, CHANGE) and change[1] == CHANGE_VERSION, 'change')
  for _, entry in ipairs(change[4]) do
    local kinds = type(entry) == 'table' and ENTRIES[entry[1]]
    expect(kinds and is_row(entry, kinds), 'entry')
    if entry[1] == 'hold' then entry[3] = checked_record(entry[3]) end
  end
  return {epoch = change[2], number = change[3], entries = change[4]}
end

-- The changes up to this number of an epoch were known here once; in a split brain only the numbers were, which the side
-- that went on gave to changes of its own.
local function known_until(from_epoch)
  if from_epoch == epoch then return loss.cause == 'replaced' and loss.found or loss.base end
  return loss.cause == 'regressed' and math.huge or 0
end

local function is_missing(id)
  return string.sub(id, 1, #MISSING) == MISSING
end

local horizon = math.max(now - KEPT_S - 1, forgotten_until())

-- Whether an unknown record is one that was forgotten 8 days after its end: taken, it would count in its month again. A
-- call that began later can only have been lost, whatever its number and whether anybody has found that out.
local function was_forgotten(change, id, record)
  -- What nobody restored once may be priced by another record meanwhile.
  if not loss and is_missing(id) then return true end
  local began = made_at(id)
  if began == 0 then began = record.posts[1] and record.posts[1][1] or record.held_at or record.score end
  if began > horizon then return false end
  if not loss then return true end
  return record.sequence <= known_until(change.epoch) and (record.held_at or record.score) <= horizon
end

-- An end is never undone; then more seconds or more money, then more purses, then the later change.
local function is_later(record, known)
  if record.state ~= known.state then return RANKS[record.state] > RANKS[known.state] end
  local measure = record.state == 'live' and 'seconds' or 'amount'
  if record[measure] ~= known[measure] then return record[measure] > known[measure] end
  if #record.purses ~= #known.purses then return #record.purses > #known.purses end
  return record.sequence > known.sequence
end

local function is_hold(record)
  return record.state == 'live' or record.state == 'lapsed'
end

local function is_orphan(record)
  return record.state == 'settled' and record.seconds
end

-- Whether a call ended before as much as this of its hold was known: then that was lost.
local function is_news(record, ended)
  return is_hold(record) and not is_hold(ended) and progress(record) > (ended.renewals or -1)
end

-- A call that was settled while its hold was lost: what it cost counts where the hold says, and at the hold's rate if the
-- settlement named no price.
local function joined(orphan, hold)
  local both = unpacked(packed(orphan))
  both.month, both.purses, both.rate, both.starts = hold.month, hold.purses, hold.rate, hold.starts
  if both.amount == 0 and both.seconds > 0 then both.amount = price(hold.rate, both.seconds) end
  both.posts = {{orphan.posts[1] and orphan.posts[1][1] or math.min(now, orphan.score), both.amount}}
  return both
end

-- What an entry makes of a known record; nil if that stays as it is.
local function after_both(record, known)
  if is_hold(record) and not is_hold(known) then
    local news, says_more = is_news(record, known), not known.rate or #record.purses > #known.purses
    local after = is_orphan(known) and says_more and joined(known, record) or news and unpacked(packed(known)) or nil
    if news then after.renewals = progress(record) end
    return after
  end
  if is_orphan(record) and is_hold(known) then
    local after = joined(record, known)
    after.renewals = progress(known)
    return after
  end
  -- Told again, an orphan says less than what was made of it, or of its hold by another settlement.
  if is_orphan(record) and not record.rate and known.state == 'settled' and (known.rate or not known.seconds) then
    return nil
  end
  return is_later(record, known) and record or nil
end

local known_holds = {}

local function known_hold(id)
  if known_holds[id] == nil then known_holds[id] = load_hold(id) or false end
  return known_holds[id]
end

local TAKE = {
  hold = function(change, id, record)
    local known = known_hold(id)
    -- Of a call that was forgotten a late settlement may be known.
    if (not known or is_orphan(known)) and was_forgotten(change, id, record) then return false end
    -- What is priced may have been given back since.
    if known and is_missing(id) and record.sequence <= known.sequence then return false end
    if known then record = after_both(record, known) end
    if not record then return false end
    -- Forgotten at once, it would count in its month a second time if it came again.
    if record.state ~= 'live' and record.score < now - KEPT_S then record.score = now end
    turn(id, known, record)
    known_holds[id] = record
    return true
  end,
  start = function(change, name, span, most, second, tag)
    local velocity = {name = name, span_s = span, count_max = most, tag = tag}
    -- One that another start has pushed out looks lost, too, but not together with its call, which comes before it.
    return (loss or change.was_missing) and restore_start(velocity, {second, tag, change.number})
  end,
  novelty = function(_, name) return redis.call('SADD', NOVELTIES, name) == 1 end,
  policy = function(change, wanted, document)
    if redis.call('HSETNX', POLICIES, digits(wanted), document) == 0 then return false end
    if wanted > revision then
      revision = wanted
      keep('revision', digits(wanted))
      keep('published', digits(change.number))
    end
    return true
  end,
  gap = function(change, last, skipped, booked)
    if not loss or change.epoch ~= epoch or last <= loss.base or loss.gaps[digits(last)] then return false end
    loss.gaps[digits(last)] = {skipped, booked}
    keep_loss()
    return true
  end,
}

local bases, PRICED = priced_bases(), {'number', 'number', 'number', 'number', 'string'}

-- Take off what was booked for a lost number as long as nobody had restored it. No journal hears of this: lost again, the
-- price comes back.
local function give_back(change)
  for _, base in ipairs(bases) do
    local id = missing_after(base)
    local known = change.number > base and known_hold(id) or {posts = {}}
    for position, posted in ipairs(known.posts) do
      local second, amount, highest, each, lost_epoch = unpack(posted)
      local is_for = is_row(posted, PRICED) and lost_epoch == change.epoch and change.number <= highest
      if is_for and amount > 0 then
        local after, back = unpacked(packed(known)), math.min(amount, each)
        after.amount, after.posts = known.amount - back, {unpack(known.posts)}
        after.posts[position] = {second, amount - back, highest, each, lost_epoch}
        turn(id, known, after)
        known_holds[id] = after
        return
      end
    end
  end
end

-- All are read before any is taken. The oldest first: after the end of a call its beginning looks as if it was known.
local changes, count = {}, 0
for position = 2, #ARGV do table.insert(changes, read_change(ARGV[position])) end
for _, change in ipairs(changes) do
  for _, entry in ipairs(change.entries) do
    if TAKE[entry[1]](change, unpack(entry, 2)) then
      count = count + 1
      change.was_missing = change.was_missing or entry[1] == 'hold' or entry[1] == 'policy'
    end
  end
  -- What this loss lacks is not priced yet; or it was before, and the gap that says so makes up for it (thaw.lua).
  local is_lost = loss and change.epoch == loss.epoch and change.number > loss.base
  if change.was_missing and not is_lost then give_back(change) end
end
save_turned()
return finish({'RESTORED', count, loss and loss.base or sequence})
