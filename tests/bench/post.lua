-- One application per request: its own request key, its own content. BODIES names a file with a body a line, with the
-- placeholder @N@ where the number of the request goes; RUN makes keys of different runs differ. TYPE is what the bodies
-- are, JSON if it is not given. PACE, if given, is how many requests are sent per second; without it each connection
-- sends as fast as it is answered.
local bodies, count = {}, 0
local run, path, key = os.getenv("RUN"), os.getenv("TARGET"), os.getenv("API_KEY")
local kind = os.getenv("TYPE") or "application/json"

for line in io.lines(os.getenv("BODIES")) do
  local before, after = line:match("^(.-)@N@(.*)$")
  bodies[#bodies + 1] = {before, after}
end

request = function()
  count = count + 1
  local part = bodies[count % #bodies + 1]
  local number = run .. "-" .. count
  return wrk.format("POST", path, {
    ["Content-Type"] = kind,
    ["Authorization"] = "Bearer " .. key,
    ["Idempotency-Key"] = '"' .. number .. '"',
  }, part[1] .. number .. part[2])
end

local pace = tonumber(os.getenv("PACE") or "")
if pace then
  local ffi = require("ffi")
  ffi.cdef[[typedef struct { long s; long ns; } moment; int clock_gettime(int, moment *);]]
  local moment, slot = ffi.new("moment"), 0
  delay = function()
    ffi.C.clock_gettime(1, moment)
    local now = tonumber(moment.s) * 1000 + tonumber(moment.ns) / 1e6
    slot = math.max(slot + 1000 / pace, now - 1000)
    return math.max(0, math.floor(slot - now + 0.5))
  end
end

local bad = 0
response = function(status)
  if status ~= 200 then bad = bad + 1 end
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %f %f %d\n", summary.requests, summary.duration,
    latency:percentile(50.0), latency:percentile(99.0),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
