# The token by which the origin knows this service (`--edge-token-file`). It is the item `edge_token` of the service's private
# dictionary `jackstaff`, so it is in no version of the VCL. Without the item, the origin is asked without a token.

sub edge_token_miss {
  # It is for the origin alone, and not for a shield, which has it itself.
  if (req.backend.is_origin && table.contains(jackstaff, "edge_token")) {
    set bereq.http.Authorization = "Token " table.lookup(jackstaff, "edge_token");
  }
}
