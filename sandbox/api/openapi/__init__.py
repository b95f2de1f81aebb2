"""The OpenAPI documents of the sandbox: as many and as large as a real API server's, for kubectl reads them.

Their texts come from libraries that are installed beside it and that it only reads: the models and operations
of the `kubernetes` client, and the models of Istio's kinds in `cloudcoil-models-istio`. Where one of them is
missing, or written in a way that is not understood, documents are made from the sandbox's own types, small
and without descriptions (`plain`). Nothing is made before somebody asks for it.
"""
