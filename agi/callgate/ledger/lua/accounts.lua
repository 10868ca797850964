-- The money of one purse. An account is
--   live    live holds that list this purse
--   held    micros set aside by them
--   total   micros spent by calls that were held under a ceiling without a window
--   months  month ("2026-11") -> micros spent by calls that began in it; the 13 latest are kept
--   hour, day, week   bucket number -> micros spent in it, live buckets only
-- A window of N buckets looks at N + 1, so that a bucket leaves when it is wholly older than the window: never more than
-- the limit in the window, at most one bucket late in reopening. Sums are taken afresh, so they cannot drift.
--
-- Accounts are opened once per script and changed in memory; save_accounts writes those that changed.

local RINGS = {
  hour = {width = 60, count = 60},
  day = {width = 900, count = 96},
  week = {width = 21600, count = 28},
}
local MONTHS_KEPT = 13

local accounts, changed_accounts = {}, {}

local function new_account()
  return {live = 0, held = 0, total = 0, months = {}, hour = {}, day = {}, week = {}}
end

local function account(name)
  if not accounts[name] then
    local packed = redis.call('HGET', BOOKS, name)
    accounts[name] = packed and cmsgpack.unpack(packed) or new_account()
  end
  return accounts[name]
end

local function account_to_change(name)
  changed_accounts[name] = account(name)
  return changed_accounts[name]
end

local function bucket_at(ring, instant)
  return math.floor(instant / ring.width)
end

local function oldest_live(ring)
  return bucket_at(ring, now) - ring.count
end

local function spent(entry, window, month)
  if window == 'month' then return entry.months[month] or 0 end
  if window == 'total' then return entry.total end
  local oldest, sum = oldest_live(RINGS[window]), 0
  for bucket, amount in pairs(entry[window]) do
    if bucket >= oldest then sum = sum + amount end
  end
  return sum
end

-- Seconds until `needed` micros have left the window, 0 where nobody can tell: live holds may end at any moment.
local function reopens_in(entry, window, needed)
  local ring = RINGS[window]
  if not ring or needed <= 0 then return 0 end
  local buckets = {}
  for bucket in pairs(entry[window]) do
    if bucket >= oldest_live(ring) then table.insert(buckets, bucket) end
  end
  table.sort(buckets)
  for _, bucket in ipairs(buckets) do
    needed = needed - entry[window][bucket]
    if needed <= 0 then return (bucket + ring.count + 1) * ring.width - now end
  end
  return 0
end

-- Count `amount` micros (negative: no longer) as spent at `instant` in the windows that have not left it behind.
local function post_in_windows(entry, amount, instant)
  for window, ring in pairs(RINGS) do
    local bucket = bucket_at(ring, instant)
    if bucket >= oldest_live(ring) then entry[window][bucket] = (entry[window][bucket] or 0) + amount end
  end
end

local function post(entry, amount, instant, month, counts_in_total)
  post_in_windows(entry, amount, instant)
  entry.months[month] = (entry.months[month] or 0) + amount
  if counts_in_total then entry.total = entry.total + amount end
end

local function forget_old_months(entry)
  local months = {}
  for month in pairs(entry.months) do table.insert(months, month) end
  table.sort(months)
  for position = 1, #months - MONTHS_KEPT do entry.months[months[position]] = nil end
end

local function save_accounts()
  for name, entry in pairs(changed_accounts) do
    for window, ring in pairs(RINGS) do
      for bucket, amount in pairs(entry[window]) do
        if bucket < oldest_live(ring) or amount == 0 then entry[window][bucket] = nil end
      end
    end
    forget_old_months(entry)
    redis.call('HSET', BOOKS, name, cmsgpack.pack(entry))
  end
end
