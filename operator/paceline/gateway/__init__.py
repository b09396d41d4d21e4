"""What a gateway does, as data: neutral routes (`ir`), their faults (`check`), and the form of the proxy (`envoy`)."""
