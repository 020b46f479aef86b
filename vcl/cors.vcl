# Pages of any origin may listen: a stream holds only public data. Some clients send headers of their own, after a preflight.

sub cors_recv {
  if (req.method == "OPTIONS" && req.url.path ~ "^/+sse/+environments/+[^/]+/+stream/*$") {
    error 620 "preflight";
  }
}

sub cors_error {
  if (obj.status == 620) {
    set obj.status = 200;
    set obj.response = "OK";
    set obj.http.Allow = "GET, OPTIONS";
    set obj.http.Access-Control-Allow-Methods = "GET, OPTIONS";
    set obj.http.Access-Control-Max-Age = "600";
    if (req.http.Access-Control-Request-Headers) {
      set obj.http.Access-Control-Allow-Headers = req.http.Access-Control-Request-Headers;
      set obj.http.Vary:Access-Control-Request-Headers = "";
    }
    set obj.http.Jackstaff-Answer = "synthetic";
    synthetic "";
    return(deliver);
  }
}

sub cors_deliver {
  if (state_is_edge()) {
    set resp.http.Access-Control-Allow-Origin = "*";
  }
}
