-- Sets an entry aside that cannot be counted, and steps past it.
-- KEYS[1]  state hash    KEYS[2]  stream      KEYS[3]  dead-letter stream
-- ARGV[1]  epoch         ARGV[2]  sequence    ARGV[3]  entry id
-- ARGV[4]  applied_at    ARGV[5]  mark        ARGV[6]  channel
-- ARGV[7]  message       ARGV[8]  group       ARGV[9]  reason    ARGV[10]  event
-- Returns  {"ok"}; or, with nothing changed, {"lost"}, {"stale", watermark},
--          {"gap", watermark}
local state = redis.call('HMGET', KEYS[1], 'epoch', 'watermark')
if state[1] ~= ARGV[1] or not state[2] then
  return {'lost'}
end
local watermark, sequence = tonumber(state[2]), tonumber(ARGV[2])
if watermark >= sequence then
  return {'stale', state[2]}
end
if watermark ~= sequence - 1 then
  return {'gap', state[2]}
end
redis.call('XADD', KEYS[3], '*', 'sequence', ARGV[2], 'reason', ARGV[9], 'event', ARGV[10])
redis.call('HINCRBY', KEYS[1], 'dead', 1)
redis.call('HSET', KEYS[1], 'watermark', ARGV[2], 'applied_at', ARGV[4], 'mark', ARGV[5])
redis.call('XACK', KEYS[2], ARGV[8], ARGV[3])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return {'ok'}
