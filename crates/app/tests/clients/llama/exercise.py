"""Speaks to a gateway with llama-index, which pins an older OpenAI SDK, and prints one line of JSON.

The environment gives OPENAI_BASE_URL, OPENAI_API_KEY, CHAT_MODEL and EMBED_MODEL.
"""

import json
import os

import openai
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI, OpenAIResponses

MODEL = os.environ["CHAT_MODEL"]
URL = os.environ["OPENAI_BASE_URL"]
QUESTION = [ChatMessage(role="user", content="Say hello.")]


def weather(city: str) -> str:
    """Tells the weather in a city."""
    return f"It rains in {city}."


def main():
    """Makes all calls in order."""
    model = OpenAI(model=MODEL, api_base=URL, max_retries=0)
    responses = OpenAIResponses(model=MODEL, api_base=URL, max_retries=0)
    embedding = OpenAIEmbedding(model_name=os.environ["EMBED_MODEL"], api_base=URL, max_retries=0)
    whole = model.chat(QUESTION)
    streamed = "".join(part.delta or "" for part in model.stream_chat(QUESTION))
    call = model.chat_with_tools(
        [FunctionTool.from_defaults(weather)], user_msg="What is the weather in Lisbon? Use the tool.", tool_required=True
    )
    named = model.get_tool_calls_from_response(call, error_on_no_tool_call=True)[0].tool_name
    result = {
        "sdk": openai.__version__,
        "chat": bool(whole.message.content) and streamed == whole.message.content,
        "tool": named,
        "responses": bool(responses.chat(QUESTION).message.content),
        "streamed_responses": bool("".join(part.delta or "" for part in responses.stream_chat(QUESTION))),
        "vectors": len(embedding.get_text_embedding_batch(["one text", "another", "a third"])),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
