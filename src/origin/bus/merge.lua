-- Tells revisions to the others, of which the greatest stays: KEYS[1] the hash; ARGV[1] the channel, [2] the sender,
-- [3] "announced" or "known", [4] the last revision that is believed, then environment, revision, environment, …
local last = tonumber(ARGV[4])
for i = 5, #ARGV, 2 do
  local environment, revision = ARGV[i], tonumber(ARGV[i + 1])
  local stored = redis.call('HGET', KEYS[1], environment)
  -- What is no number, or of a time that is far away, is garbage and must not stand in the way of any revision.
  stored = stored and #stored <= 15 and stored:match('^%d+$') and tonumber(stored)
  local greater = not stored or stored < revision or stored > last
  if greater then
    redis.call('HSET', KEYS[1], environment, ARGV[i + 1])
  end
  if greater or ARGV[3] == 'announced' then
    redis.call('PUBLISH', ARGV[1], table.concat({ARGV[2], ARGV[3], ARGV[i + 1], environment}, ' '))
  end
end
