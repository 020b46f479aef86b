-- Stores revisions, of which the greatest stays, and publishes them to the other replicas: KEYS[1] the hash; ARGV[1] the channel, [2] the sender and its number,
-- [3] "announced", "ahead" or "known", [4] the latest plausible revision, then environment, revision, environment, …
local latest = tonumber(ARGV[4])
for i = 5, #ARGV, 2 do
  local environment, revision = ARGV[i], tonumber(ARGV[i + 1])
  local stored = redis.call('HGET', KEYS[1], environment)
  -- What is not a number, or is later than plausible, is garbage. It must not keep a revision from being stored.
  stored = stored and #stored <= 15 and stored:match('^%d+$') and tonumber(stored)
  local greater = not stored or stored < revision or stored > latest
  if greater then
    redis.call('HSET', KEYS[1], environment, ARGV[i + 1])
  end
  if greater or ARGV[3] ~= 'known' then
    redis.call('PUBLISH', ARGV[1], table.concat({ARGV[2], ARGV[3], ARGV[i + 1], environment}, ' '))
  end
end
