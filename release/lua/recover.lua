-- Record releases that run in the cluster and are not known here: Redis was emptied, or another one was used.
-- ARGV: releases as JSON. Answers the ids of those that were not known.
local at, recorded = now(), {}
for _, release in ipairs(cjson.decode(ARGV[1])) do
  if redis.call('EXISTS', key('release', release.id)) == 0 then
    create(release, at)
    recorded[#recorded + 1] = release.id
  end
end
return recorded
