-- What a server that gets copies is given its own way: see upstream.lua. A copy has only the request's headers and body,
-- and nothing of what was read, so it is read once more.

local PROMPT_OF = {["/chat/completions"] = "messages", ["/completions"] = "prompt", ["/embeddings"] = "input"}

local function rewrite(h)
  local body = h:body() -- waits for it, and what was had of the handle before is void then
  local headers, server = h:headers(), h:filterContext()
  local host, path = server:get("host"), headers:get(":path"):match("^/v1([^?]*)")
  local s = body:getBytes(0, body:length())
  local r = scan(s, PROMPT_OF[path])
  headers:replace(":path", server:get("path") .. path)
  if host then headers:replace(":authority", host) end
  local edits = for_server(s, r.spans, r.stream, server:get("model"), server:get("usage"))
  if edits[1] then headers:replace("content-length", body:setBytes(splice(s, edits))) end
  return #s
end

function envoy_on_request(h)
  local ok, problem = pcall(rewrite, h)
  if ok then return clean(problem) end
  h:logErr(type(problem) == "table" and problem.code or tostring(problem))
  h:respond({[":status"] = "500"}, "The copy could not be passed on.")
end
