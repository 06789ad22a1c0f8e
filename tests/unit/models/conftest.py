"""The S3 server of the tests of checkpoint stores, for bundles on S3."""

from tests.unit.store.conftest import prefix, s3_address, s3_server

__all__ = ["prefix", "s3_address", "s3_server"]
