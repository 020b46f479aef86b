# The stream that a request asks for. Equal requests get the same stream: nothing after these lines depends on the client.

# The silent stream. It is for texts that cannot be a client-side key, and for clients that connect too often. Such a client
# is held instead of refused: some SDKs connect again hundreds of times a second when an answer ends, whatever its status.
# The origin knows the name too (src/origin/stream_part.rs).
sub collapse_silence_recv {
  set req.url = "/sse/environments/jackstaff:silent/stream";
}

sub collapse_recv {
  # Query strings and further slashes are ignored.
  if (req.url.path !~ "^/+sse/+environments/+([^/]+)/+stream/*$") {
    error 604 "no such path";
  }
  set req.url = "/sse/environments/" re.group.1 "/stream";
  # Server-side keys (`ser.`) get the silent stream: only Compute can look up their environment.
  if (req.url ~ "/ser\.[^/]*/stream$" || req.url !~ "^/sse/environments/[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,255}/stream$") {
    call collapse_silence_recv;
  }
  # Without this, every client could purge. Each purge costs a connection to the origin.
  if (req.method == "FASTLYPURGE") {
    set req.http.Fastly-Purge-Requires-Auth = "1";
  } else if (req.method != "GET") {
    error 605 "method not allowed";
  }
  set req.http.Accept = "text/event-stream";
  unset req.http.Accept-Encoding;
  unset req.http.Accept-Language;
  unset req.http.Authorization;
  unset req.http.Cache-Control;
  unset req.http.Cookie;
  unset req.http.If-Modified-Since;
  unset req.http.If-None-Match;
  unset req.http.Last-Event-ID;
  unset req.http.Range;
  unset req.http.X-Environment-Key;
  if (state_is_edge()) {
    # These turn clustering on and off, and so collapsing.
    unset req.http.Fastly-Force-Shield;
    unset req.http.Fastly-No-Shield;
  }
}

# Not by host: all names of the service share their streams.
sub collapse_hash {
  set req.hash += req.url;
}
