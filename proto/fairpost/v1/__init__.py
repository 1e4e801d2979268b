"""The API: messages and gRPC stubs generated from the .proto files beside them (`make stubs`)."""
