"""Does what applications do, with the OpenAI SDK, openai-agents and langchain-openai, and prints one line of JSON.

The environment gives OPENAI_BASE_URL, OPENAI_API_KEY, CHAT_MODEL and EMBED_MODEL. Each case is a function; its name and what it saw
are a member of the result. A case that fails ends the script with a traceback.
"""

import asyncio
import json
import os

import openai
from agents import Agent, Runner, function_tool, set_tracing_disabled
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai.types.responses import ResponseCompletedEvent
from pydantic import BaseModel

CHAT_MODEL = os.environ["CHAT_MODEL"]
EMBED_MODEL = os.environ["EMBED_MODEL"]
WEATHER = "What is the weather in Lisbon? Use the tool."
LONG = "Lighthouses warn ships, also those of Málaga and 东京. " * 90_000
# As much of it as a model takes.
TEXT = LONG[:200_000]


class City(BaseModel):
    """What a structured answer holds."""

    name: str


def response_whole(client):
    """One response, and the next one that goes on from it."""
    first = client.responses.create(model=CHAT_MODEL, input="Say hello.")
    second = client.responses.create(model=CHAT_MODEL, input="Again.", previous_response_id=first.id)
    stored = client.responses.retrieve(first.id)
    assert stored.output_text == first.output_text and second.usage.input_tokens > 0
    client.responses.delete(first.id)
    return first.usage.total_tokens


def response_streamed(client):
    """Named events in order, and the usage in the last one."""
    text, numbers, last = "", [], None
    with client.responses.create(model=CHAT_MODEL, input="Say hello.", stream=True) as events:
        for event in events:
            numbers.append(event.sequence_number)
            if event.type == "response.output_text.delta":
                text += event.delta
            last = event
    assert isinstance(last, ResponseCompletedEvent) and last.response.output_text == text
    assert numbers == sorted(numbers)
    return last.response.usage.output_tokens


def structured_output(client):
    """The parse helpers of both surfaces."""
    answer = client.responses.parse(model=CHAT_MODEL, input="Name a city.", text_format=City)
    chat = client.chat.completions.parse(
        model=CHAT_MODEL, messages=[{"role": "user", "content": "Name a city."}], response_format=City
    )
    return [type(answer.output_parsed).__name__, type(chat.choices[0].message.parsed).__name__]


def completion(client):
    """The legacy form, whole and streamed."""
    answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once", max_tokens=8)
    chunks = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once", max_tokens=8, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    return answer.usage.completion_tokens


def token_ids(client):
    """What langchain sends by itself: lists of token ids, answered in base64."""
    return len(client.embeddings.create(model=EMBED_MODEL, input=[[1, 2, 3], [4]]).data)


def moderation(client):
    """Free, and without a model."""
    return len(client.moderations.create(input="a kind word").results)


def images(client):
    """One image, by its tokens."""
    return client.images.generate(model="gpt-image-1.5", prompt="a lighthouse").usage.output_tokens > 0


def speech(client):
    """Sound, as it comes."""
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", input="Ships ahoy", voice="alloy"
    ) as answer:
        return sum(len(piece) for piece in answer.iter_bytes()) > 0


def files(client):
    """Five megabytes in many scripts: up, in the list, down and gone."""
    content = LONG.encode()
    file = client.files.create(file=("notes.txt", content), purpose="user_data")
    assert client.files.content(file.id).read() == content
    listed = [item.id for item in client.files.list()]
    store = client.vector_stores.create(name="notes", file_ids=[file.id])
    assert client.vector_stores.retrieve(store.id).name == "notes"
    assert client.files.delete(file.id).deleted and file.id in listed
    return len(listed)


def raw_headers(client):
    """What a caller may read of an answer's head."""
    raw = client.responses.with_raw_response.create(model=CHAT_MODEL, input="Say hello.")
    assert raw.request_id.startswith("req_") and raw.parse().output_text
    return raw.headers["x-keyward-cost-usd"]


def large_unicode(client):
    """A long text in many scripts."""
    answer = client.responses.input_tokens.count(model=CHAT_MODEL, input=TEXT)
    return answer.input_tokens > 1_000


def errors(client):
    """Each as the SDK's own exception."""
    seen = {}
    calls = {
        "missing": lambda: client.responses.retrieve("resp_nobodys"),
        "refused": lambda: client.containers.list(),
        "field": lambda: client.responses.create(model=CHAT_MODEL, input="x", extra_body={"max_tokens": 5}),
        "model": lambda: client.responses.create(model="no-such-model", input="x"),
        "key": lambda: client.with_options(api_key="not-a-key").responses.retrieve("resp_x"),
    }
    for name, call in calls.items():
        try:
            call()
        except openai.APIStatusError as error:
            seen[name] = [type(error).__name__, error.code]
    return seen


def azure_header(_):
    """Azure's client sends its key in a header of its own."""
    url = os.environ["OPENAI_BASE_URL"].replace("/v1", "/openai/v1")
    client = openai.OpenAI(base_url=url, api_key="unused", max_retries=0)
    headers = {"Authorization": openai.Omit(), "api-key": os.environ["OPENAI_API_KEY"]}
    return client.responses.create(model=CHAT_MODEL, input="Say hello.", extra_headers=headers).status


async def cancelled_stream(client):
    """A caller who leaves in the middle."""
    stream = await client.responses.create(model=CHAT_MODEL, input="Say hello.", stream=True)
    async for event in stream:
        if event.type == "response.output_text.delta":
            await stream.close()
            return "left"


@function_tool
def weather(city: str) -> str:
    """Tells the weather in a city."""
    return f"It rains in {city}."


async def agent():
    """An agent with a tool, streamed: it calls the tool and answers."""
    helper = Agent(name="Helper", instructions="Answer shortly.", model=CHAT_MODEL, tools=[weather])
    running = Runner.run_streamed(helper, WEATHER, max_turns=4)
    kinds = [event.type async for event in running.stream_events()]
    outputs = [type(item).__name__ for item in running.new_items]
    return {
        "raw": "raw_response_event" in kinds,
        "items": sorted(set(outputs)),
        "requests": running.context_wrapper.usage.requests,
        "tokens": running.context_wrapper.usage.total_tokens,
    }


@tool
def weather_of(city: str) -> str:
    """Tells the weather in a city."""
    return f"It rains in {city}."


def langchain():
    """Chats, streams, tools and embeddings. Its own tokenizer would be fetched from the network, so the texts go as they are."""
    model = ChatOpenAI(model=CHAT_MODEL, max_retries=0)
    whole = model.invoke("Say hello.")
    streamed = "".join(chunk.text for chunk in model.stream("Say hello."))
    called = model.bind_tools([weather_of], tool_choice="weather_of").invoke(WEATHER)
    responses = ChatOpenAI(model=CHAT_MODEL, max_retries=0, use_responses_api=True).invoke("Say hello.")
    vectors = OpenAIEmbeddings(model=EMBED_MODEL, check_embedding_ctx_length=False).embed_documents(["one text", "another"])
    assert streamed and responses.text and called.tool_calls[0]["name"] == "weather_of"
    return {"tokens": whole.usage_metadata["total_tokens"] > 0, "vectors": len(vectors)}


async def main():
    """Runs every case."""
    set_tracing_disabled(True)
    client = openai.OpenAI(max_retries=0, timeout=60)
    result = {"sdk": openai.__version__}
    cases = [
        response_whole,
        response_streamed,
        structured_output,
        completion,
        token_ids,
        moderation,
        images,
        speech,
        files,
        raw_headers,
        large_unicode,
        errors,
        azure_header,
    ]
    for case in cases:
        result[case.__name__] = case(client)
    async with openai.AsyncOpenAI(max_retries=0, timeout=60) as asynchronous:
        result["cancelled_stream"] = await cancelled_stream(asynchronous)
    result["agent"] = await agent()
    result["langchain"] = langchain()
    print(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main())
