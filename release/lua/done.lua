-- End a stage. ARGV: job, index, fence, outcome ('passed', 'failed', 'cancelled'), problem, moves
-- Without a problem of its own, a cancelled job keeps the one that its canceller brought: it holds the reason.
local job, at = read(key('job', ARGV[1])), now()
local index, outcome, problem, moves = ARGV[2], ARGV[4], ARGV[5], cjson.decode(ARGV[6])
if job.fence ~= ARGV[3] then
  return cjson.encode({ status = 'lost' })
end
local stage = 's' .. index
if job[stage .. '.state'] == outcome then
  -- Asked again after a lost reply: it stands.
  return cjson.encode({ status = 'repeated' })
end
if job.state ~= 'running' or job.index ~= index then
  return cjson.encode({ status = 'lost' })
end
set(job, stage .. '.state', outcome)
set(job, stage .. '.ended', at)
local name = stage_at(job, tonumber(index))
tell_stage_event(job, name, outcome, at)
count_stage(job, name, outcome, at - tonumber(job[stage .. '.started']))
carry_out_legal(moves, at)
local _, commas = string.gsub(job.stages, ',', ',')
if outcome == 'passed' and tonumber(index) < commas then
  set(job, 'index', tonumber(index) + 1)
  set(job, 'attempt', 1)
  return cjson.encode({ status = 'next', offers = { offer(job, at, false) } })
end
if job.probe then
  count_switch(job)
end
if outcome == 'cancelled' and problem == '' then
  problem = job.cancel_problem or ''
end
local ends = { passed = 'done', failed = 'failed', cancelled = 'cancelled' }
return cjson.encode({ status = 'over', offers = finish(job, ends[outcome], problem, at) })
