-- What the purses must say, worked out from the records alone.

local function all_records()
  local records, listed = {}, redis.call('HGETALL', HOLDS)
  for position = 1, #listed, 2 do records[listed[position]] = unpacked(cjson.decode(listed[position + 1])) end
  return records
end

-- Returns purse name -> account; months and totals also count what is forgotten, so they say nothing here.
local function recount(records)
  local expected = {}
  local function open(name)
    expected[name] = expected[name] or new_account()
    return expected[name]
  end
  for _, record in pairs(records) do count(record, 1, open) end
  return expected
end
