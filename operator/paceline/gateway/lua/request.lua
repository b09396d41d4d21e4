-- What is done with a request before its route is chosen, and right after.

local OPERATIONS = {
  ["/v1/chat/completions"] = {name = "chat", prompt = "messages", bound = "max_completion_tokens"},
  ["/v1/completions"] = {name = "completions", prompt = "prompt", bound = "max_tokens"},
  ["/v1/embeddings"] = {name = "embeddings", prompt = "input"},
}
for path, operation in pairs(OPERATIONS) do operation.path = path:sub(#"/v1" + 1) end
local BYTES_PER_TOKEN = 4 -- of English text; limits per minute count so before an engine has said its own figure
local MOST_TOKENS = 1e9 -- the proxy takes a larger figure for none at all
local WORDS = {
  invalid_json = "The body must be one JSON object, and what is in it valid JSON.",
  invalid_utf8 = "The body must be UTF-8.",
  too_deep = "The body is nested too deeply.",
  duplicate_parameter = "A parameter may be given only once: ",
  ambiguous_parameter = "A parameter must be spelled in lower case: ",
  unsupported_parameter = "A parameter is not supported: ",
  missing_parameter = "A parameter is missing: ",
  invalid_type = "A parameter has the wrong type: ",
  invalid_value = "A parameter is out of its range: ",
  unsupported_prompt = "This model takes a prompt only as one string.",
  remote_media = "This model takes images and other media only as data: URLs.",
  method_not_allowed = "This is asked with POST.",
  unsupported_media_type = "The body must be application/json, and not compressed.",
}

-- Ends the request with an error in the OpenAI form, which the proxy's local_reply_config puts around the words.
local function refuse(h, status, code, param)
  h:streamInfo():dynamicMetadata():set("paceline", "error", {code = code, param = param})
  h:respond({[":status"] = status}, WORDS[code] .. (param or ""))
end

-- The changes that a route asks for: a bound of the output where there is none, its prompt before the client's.
local function wanted(s, r, operation, bound, prompt)
  local edits = {}
  if bound and operation.bound and not r.bound then
    local name, text = operation.bound, ("%d"):format(bound)
    local null = r.spans[name]
    edits[1] = null and {null[1], null[2], text} or {r.first, r.first - 1, '"' .. name .. '":' .. text .. ","}
  end
  if prompt then
    local at = r.spans[operation.prompt][1]
    if s:sub(at, at) == "[" then
      if operation.name ~= "chat" then error({code = "unsupported_prompt"}, 0) end
      if not s:find("^%s*%]", at + 1) then prompt = prompt .. "," end
    end
    edits[#edits + 1] = {at + 1, at, prompt}
  end
  return in_order(edits)
end

-- What the chain behind and the records need to know. Headers steer routes, limits and balancing and are gone before a
-- server sees the request; dynamic metadata stays.
local function tell(h, headers, r, operation, bound)
  local tokens = math.ceil(r.prompt_bytes / BYTES_PER_TOKEN) + bound * r.n
  headers:replace("x-pl-hash", ("%d"):format(r.hash))
  headers:replace("x-pl-tokens", ("%d"):format(math.min(tokens, MOST_TOKENS)))
  h:streamInfo():dynamicMetadata():set("paceline", "request", {
    client = headers:get("x-pl-client"), model = r.model, operation = operation.name, stream = r.stream,
    bound = bound, n = r.n, prompt_bytes = r.prompt_bytes, media = r.media,
  })
end

-- For the rewriting for each server: where in the body is what it may change.
local function places(h, r, operation, edits)
  local at = {stream = r.stream, path = operation.path, model = moved(edits, r.spans.model)}
  if r.spans.stream_options then at.stream_options = moved(edits, r.spans.stream_options) end
  for name, span in pairs(r.options) do at[name] = moved(edits, span) end
  h:streamInfo():dynamicMetadata():set("paceline.places", "at", at)
end

-- Reads the body, lets the model choose the route, and changes the body as the route wants it.
local function handle(h, operation)
  local body = h:body(true) -- waits for it, and what was had of the handle before is void then
  local headers = h:headers()
  local s = body:length() > 0 and body:getBytes(0, body:length()) or ""
  local r = scan(s, operation.prompt)
  headers:replace("x-pl-model", r.model)
  headers:replace("x-pl-policy", (headers:get("x-pl-client") or ""):match("^[^.]*%.[^.]*") or "")
  h:clearRouteCache()
  local route = h:metadata()
  if r.remote > 0 and not route:get("remote_media") then error({code = "remote_media"}, 0) end
  local edits = wanted(s, r, operation, route:get("bound"), route:get(operation.prompt))
  tell(h, headers, r, operation, r.bound or operation.bound and route:get("bound") or 0)
  places(h, r, operation, edits)
  if edits[1] then headers:replace("content-length", body:setBytes(splice(s, edits))) end
end

function envoy_on_request(h)
  local headers = h:headers()
  local operation = OPERATIONS[headers:get(":path"):match("^[^?]*")]
  if not operation then return headers:replace("x-pl-tokens", "0") end
  if headers:get(":method") ~= "POST" then return refuse(h, "405", "method_not_allowed") end
  local kind = (headers:get("content-type") or ""):lower()
  if headers:get("content-encoding") or not (kind .. ";"):find("^application/json%s*;") then
    return refuse(h, "415", "unsupported_media_type")
  end
  local ok, problem = pcall(handle, h, operation)
  if ok then return end
  if type(problem) == "table" then return refuse(h, "400", problem.code, problem.param) end
  h:logErr(problem)
  h:respond({[":status"] = "500"}, "The request could not be read.")
end
