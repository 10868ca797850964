-- How far a call may go for how much money (core/hold.HoldRequest and RenewRequest), and which limits forbid it.
-- An offer is {seconds, covered (the paid seconds), is_final}, all since the answer of the call.
-- What a call holds already is {amount, purses (name -> true, those that count it)}; a new call holds nothing.

-- A grant ends this long before the paid time, so that the cut never falls on a new increment (facts/semantics.md 5).
local CUT_MARGIN_S = 2

local function rate_of(request)
  local rate = request.rate
  return {rate.connect_micros, rate.per_minute_micros, rate.first_increment_s, rate.increment_s}
end

local function last_boundary(rate, second)
  local _, _, first, increment = unpack(rate)
  return second < first and 0 or second - (second - first) % increment
end

local function whole_call(rate, request)
  return {seconds = request.seconds, covered = billed_seconds(rate, request.seconds + CUT_MARGIN_S), is_final = true}
end

local function next_slice(rate, request, granted)
  local last = math.min(request.seconds, granted + request.slice_s)
  local covered = last_boundary(rate, last + CUT_MARGIN_S)
  if covered - CUT_MARGIN_S <= granted then covered = billed_seconds(rate, last + CUT_MARGIN_S) end
  local seconds = math.min(last, covered - CUT_MARGIN_S)
  return {seconds = seconds, covered = covered, is_final = seconds >= request.seconds}
end

local function left_in(entry, ceiling, month)
  return ceiling.limit_micros - spent(entry, ceiling.window, month) - entry.held
end

local function held_in(so_far, purse)
  return so_far.purses[purse.name] and so_far.amount or 0
end

-- The most that the whole call may cost under every enforced ceiling. What a purse counts of it already is paid: only
-- amounts above nothing are ever tested.
local function budget(purses, month, so_far)
  local least = math.huge
  for _, purse in ipairs(purses) do
    for _, ceiling in ipairs(purse.ceilings) do
      local left = math.max(0, left_in(account(purse.name), ceiling, month))
      if ceiling.enforced then least = math.min(least, held_in(so_far, purse) + left) end
    end
  end
  return least
end

-- Cut an offer down to what `most` micros pay for. When they do not pay for one more second, that second is what is
-- asked for: the limits that forbid it are the ones to name.
local function cut(rate, offer, granted, most)
  if price(rate, offer.covered) <= most then return offer end
  local connect, per_minute = unpack(rate)
  local covered = per_minute > 0 and last_boundary(rate, math.floor((most - connect) * 60 / per_minute)) or 0
  covered = math.max(covered, billed_seconds(rate, granted + 1 + CUT_MARGIN_S))
  return {seconds = math.min(offer.seconds, covered - CUT_MARGIN_S), covered = covered, is_final = true}
end

-- Tell `hit` of every limit of a purse that forbids that the whole call costs `cost` micros: of a ceiling under which
-- what is not held yet is too much, and of lines if it does not count the call yet.
local function test_purse(purse, month, cost, so_far, hit)
  local entry, amount = account(purse.name), cost - held_in(so_far, purse)
  for _, ceiling in ipairs(purse.ceilings) do
    local left = left_in(entry, ceiling, month)
    if amount > 0 and amount > left then
      local needed = amount - left - entry.held
      hit(ceiling.enforced, 'money', purse.name, ceiling.window, math.max(0, left),
        reopens_in(entry, ceiling.window, needed))
    end
  end
  if not so_far.purses[purse.name] and purse.concurrent_max and entry.live >= purse.concurrent_max then
    hit(true, 'lines', purse.name)
  end
end

-- How a record lists a purse (holds.lua).
local function listed(purse)
  local total = false
  for _, ceiling in ipairs(purse.ceilings) do total = total or ceiling.window == 'total' end
  return {purse.name, total}
end

local function held(record)
  return {'HELD', record.seconds, record.amount, record.is_final and 1 or 0, record.alarms}
end
