-- What each server gets its own way, for every attempt: the name of the model, the path, and the options by which a
-- stream says what it used. The request was read once and `at` says where in it these are.

local PATTERN = "^(%S+) (%d) " .. ("(%d+) "):rep(7) .. "(%d+)$"

local function span(first, last) return first ~= "0" and {tonumber(first), tonumber(last)} or nil end

local function rewrite(h)
  local body = h:body() -- waits for it, and what was had of the handle before is void then
  local headers, server = h:headers(), h:filterContext()
  local host, model, usage = server:get("host"), server:get("model"), server:get("usage")
  local path, stream, a, b, c, d, e, f, g, i = h:streamInfo():dynamicMetadata():get("paceline.places").at:match(PATTERN)
  headers:replace(":path", server:get("path") .. path)
  if host then headers:replace(":authority", host) end
  local spans = {model = span(a, b), stream_options = span(c, d), include_usage = span(e, f)}
  spans.continuous_usage_stats = span(g, i)
  local s = body:getBytes(0, body:length())
  local edits = for_server(s, spans, stream == "1", model, usage)
  if edits[1] then headers:replace("content-length", body:setBytes(splice(s, edits))) end
  return #s
end

function envoy_on_request(h)
  local ok, problem = pcall(rewrite, h)
  if ok then return clean(problem) end
  h:logErr(tostring(problem))
  h:respond({[":status"] = "500"}, "The request could not be passed on.")
end
