from tests.fake_openai import openai_server

__all__ = ["openai_server"]
