-- The money of one purse. An account is
--   live    live holds that list this purse
--   held    micros set aside by them
--   total   micros spent by calls that were held under a ceiling without a window
--   months  month ("2026-11") -> micros spent by calls that began in it; the 13 latest are kept, or 12 and the one that
--           was posted last
--   hour, day, week   bucket number -> micros spent in it, live buckets only
-- A window of N buckets looks at N + 1, so that a bucket leaves when it is wholly older than the window, and by 15 s more,
-- which is what the clocks of several machines may differ by: never more than the limit in the window, at most one bucket
-- and 15 s late in reopening. Sums are taken afresh, so they cannot drift.
--
-- Accounts are opened once per script and changed in memory; save_accounts writes those that changed.

local RINGS = {
  hour = {width = 60, count = 60},
  day = {width = 900, count = 96},
  week = {width = 21600, count = 28},
}
local CLOCKS_DIFFER_S = 15
local MONTHS_KEPT = 13

local accounts, changed_accounts, posted_in = {}, {}, {}

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

-- The month of ledger time in UTC, as "2026-11": days since 0000-03-01, whose years end with the leap day.
local function this_month()
  local days = math.floor(now / 86400) + 719468
  local era = math.floor(days / 146097)
  local day = days - era * 146097
  local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524) - math.floor(day / 146096)) / 365)
  local day_of_year = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local from_march = math.floor((5 * day_of_year + 2) / 153)
  local month = from_march < 10 and from_march + 3 or from_march - 9
  return string.format('%04d-%02d', year + era * 400 + (month <= 2 and 1 or 0), month)
end

local function month_number(month)
  return tonumber(string.sub(month, 1, 4)) * 12 + tonumber(string.sub(month, 6))
end

-- A gate's clock says the month of a call. One more than a month away from ledger time is wrong: it would open a new month
-- of money at will.
local function believed(month)
  local own = this_month()
  local is_near = month == own or math.abs(month_number(month) - month_number(own)) <= 1
  return is_near and month or own
end

local function bucket_at(ring, instant)
  return math.floor(instant / ring.width)
end

local function oldest_live(ring)
  return bucket_at(ring, now - CLOCKS_DIFFER_S) - ring.count
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
    if needed <= 0 then return (bucket + ring.count + 1) * ring.width + CLOCKS_DIFFER_S - now end
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
  posted_in[entry] = month
end

local function forget_old_months(entry)
  local months = {}
  for month in pairs(entry.months) do
    -- The one just posted stays, whatever later months a wrong clock has made.
    if month ~= posted_in[entry] then table.insert(months, month) end
  end
  table.sort(months)
  for position = 1, #months - MONTHS_KEPT + (posted_in[entry] and 1 or 0) do entry.months[months[position]] = nil end
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
