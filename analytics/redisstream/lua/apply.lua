-- Adds one batch to the counts and moves the watermark, or does neither.
-- KEYS[1]  state hash    KEYS[2]  days set    KEYS[3…]  count hashes
-- ARGV[1]  epoch         ARGV[2]  first sequence      ARGV[3]  last sequence
-- ARGV[4]  applied_at    ARGV[5]  mark                ARGV[6]  channel
-- ARGV[7]  message       ARGV[8…] per count hash: its name in the days set,
--                        the number of cells, then cell, increment, …
-- Returns  {"ok"}; or, with nothing changed, {"lost"}, {"stale", watermark}
--          when first is counted already, {"gap", watermark} when something
--          before first is not
local state = redis.call('HMGET', KEYS[1], 'epoch', 'watermark')
if state[1] ~= ARGV[1] or not state[2] then
  return {'lost'}
end
local watermark, first = tonumber(state[2]), tonumber(ARGV[2])
if watermark >= first then
  return {'stale', state[2]}
end
if watermark ~= first - 1 then
  return {'gap', state[2]}
end
local at = 8
for key = 3, #KEYS do
  redis.call('SADD', KEYS[2], ARGV[at])
  local cells = tonumber(ARGV[at + 1])
  at = at + 2
  for _ = 1, cells do
    redis.call('HINCRBY', KEYS[key], ARGV[at], ARGV[at + 1])
    at = at + 2
  end
end
redis.call('HSET', KEYS[1], 'watermark', ARGV[3], 'applied_at', ARGV[4], 'mark', ARGV[5])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return {'ok'}
