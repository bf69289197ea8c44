"""Speaks to a gateway with the OpenAI SDK for Python and prints what it saw as one line of JSON.

The environment gives OPENAI_BASE_URL, OPENAI_API_KEY, CHAT_MODEL and EMBED_MODEL. The key is never printed. The calls and
the form of the result are those of the Node script beside it. Anything unexpected ends the script with a traceback.
"""

import json
import os
import sys

import openai

CHAT_MODEL = os.environ["CHAT_MODEL"]
EMBED_MODEL = os.environ["EMBED_MODEL"]
QUESTION = [{"role": "user", "content": "Say hello in five words."}]
CHAT = {"model": CHAT_MODEL, "messages": QUESTION, "max_tokens": 32, "temperature": 0}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def usage(value):
    """Token counts of an answer, or None."""
    if value is None:
        return None
    return {
        "prompt_tokens": value.prompt_tokens,
        "completion_tokens": value.completion_tokens,
        "total_tokens": value.total_tokens,
    }


def chat(client):
    """One answer in one piece."""
    answer = client.chat.completions.create(**CHAT)
    choice = answer.choices[0]
    return {
        "text": choice.message.content,
        "finish_reason": choice.finish_reason,
        "model": answer.model,
        "usage": usage(answer.usage),
    }


def stream(client, **options):
    """The same answer in chunks."""
    chunks, text, finish_reason, seen_usage = 0, "", None, []
    for chunk in client.chat.completions.create(**CHAT, stream=True, **options):
        chunks += 1
        if chunk.usage is not None:
            seen_usage.append(usage(chunk.usage))
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish_reason = choice.finish_reason or finish_reason
    if len(seen_usage) > 1:
        raise AssertionError(f"usage came {len(seen_usage)} times")
    return {
        "text": text,
        "finish_reason": finish_reason,
        "chunks": chunks,
        "usage": seen_usage[0] if seen_usage else None,
    }


def embedding(client):
    """One text; the SDK asks for base64 by itself and decodes it."""
    answer = client.embeddings.create(model=EMBED_MODEL, input="What does this cost?")
    vector = answer.data[0].embedding
    return {
        "dimensions": len(vector),
        "is_numbers": all(isinstance(number, float) for number in vector),
        "prompt_tokens": answer.usage.prompt_tokens,
    }


def embeddings(client):
    """Three texts at once, as plain numbers."""
    texts = ["one text", "another text", "a third"]
    answer = client.embeddings.create(model=EMBED_MODEL, input=texts, encoding_format="float")
    return {
        "count": len(answer.data),
        "indices": [row.index for row in answer.data],
        "dimensions": sorted({len(row.embedding) for row in answer.data}),
    }


def tool_call(client):
    """The model has to call a function."""
    answer = client.chat.completions.create(
        model=CHAT_MODEL,
        messages=[{"role": "user", "content": "What is the weather in Lisbon? Use the tool."}],
        tools=[TOOL],
        tool_choice="required",
        max_tokens=64,
        temperature=0,
    )
    call = answer.choices[0].message.tool_calls[0]
    return {
        "name": call.function.name,
        "arguments": json.loads(call.function.arguments),
        "finish_reason": answer.choices[0].finish_reason,
    }


def error_class(call):
    """The name of the SDK's own exception, or None if the call went through."""
    try:
        call()
    except openai.APIError as error:
        return type(error).__name__
    return None


def main():
    """Makes all calls in order."""
    client = openai.OpenAI(max_retries=0, timeout=60)
    stranger = client.with_options(api_key="not-a-key")
    unknown = {**CHAT, "model": "no-such-model"}
    result = {
        "runtime": "python " + sys.version.split()[0],
        "sdk": openai.__version__,
        "models": len(list(client.models.list())),
        "chat": chat(client),
        "stream": stream(client),
        "stream_with_usage": stream(client, stream_options={"include_usage": True}),
        "tool_call": tool_call(client),
        "embedding": embedding(client),
        "embeddings": embeddings(client),
        "errors": {
            "bad_model": error_class(lambda: client.chat.completions.create(**unknown)),
            "bad_key": error_class(stranger.models.list),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
