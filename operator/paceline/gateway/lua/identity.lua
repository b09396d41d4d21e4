-- Makes the client of a request of its token. What of is in the metadata of the virtual host: no text of a tenant is in
-- here. A request that gets no client here needs a key.

-- Codes and words for what Envoy says of a token that it does not take. Others are answered as wrong keys are.
local FAILURES = {
  ["Jwt is expired"] = {"401", "invalid_api_key", "The token has expired."},
  ["Jwt not yet valid"] = {"401", "invalid_api_key", "The token is not valid yet."},
  ["Jwks remote fetch is failed"] = {"503", "issuer_unavailable", "The keys of the token's issuer cannot be had now."},
}
local STRANGER = {"401", "invalid_api_key", "The token is right, but nobody here has its subject and audience."}

-- Ends the request with an error in the OpenAI form, which the proxy's local_reply_config puts around the words.
local function refuse(h, status, code, words)
  h:streamInfo():dynamicMetadata():set("paceline", "error", {code = code})
  h:respond({[":status"] = status}, words)
end

-- The client for one of the audiences of a token.
local function by_audience(clients, audiences)
  if not clients then return nil end
  if type(audiences) ~= "table" then audiences = {audiences} end
  for _, each in ipairs(audiences) do
    if type(each) == "string" and clients[each] then return clients[each] end
  end
end

local function client_of(known, claims)
  if type(claims.iss) ~= "string" then return nil end
  local own = type(claims.sub) == "string" and known:get(claims.iss .. " " .. claims.sub)
  return by_audience(own, claims.aud) or by_audience(known:get(claims.iss .. " *"), claims.aud)
end

function envoy_on_request(h)
  local found = h:streamInfo():dynamicMetadata():get("envoy.filters.http.jwt_authn")
  if not found then return end
  if found.claims then
    local client = client_of(h:virtualHost():metadata(), found.claims)
    if not client then return refuse(h, unpack(STRANGER)) end
    return h:headers():replace("x-pl-client", client)
  end
  local failure = found.failure and FAILURES[found.failure.message]
  if failure then refuse(h, unpack(failure)) end
end
