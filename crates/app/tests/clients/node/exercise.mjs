// Speaks to a gateway with the OpenAI SDK for Node and prints what it saw as one line of JSON.
//
// The environment gives OPENAI_BASE_URL, OPENAI_API_KEY, CHAT_MODEL and EMBED_MODEL. The key is never printed. The calls and the
// form of the result are those of the Python script. Anything unexpected ends the script with a stack trace. The SDK is found
// beside the script, so it runs as a copy in the folder that `cargo xtask test-integration` prepares.

import { readFileSync } from "node:fs";
import process from "node:process";
import OpenAI from "openai";

const { CHAT_MODEL, EMBED_MODEL } = process.env;
const QUESTION = [{ role: "user", content: "Say hello in five words." }];
const CHAT = { model: CHAT_MODEL, messages: QUESTION, max_tokens: 32, temperature: 0 };
const TOOL = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Tells the weather in a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    },
  },
};

/** Token counts of an answer, or null. */
function usage(value) {
  if (!value) return null;
  return {
    prompt_tokens: value.prompt_tokens,
    completion_tokens: value.completion_tokens,
    total_tokens: value.total_tokens,
  };
}

/** One answer in one piece. */
async function chat(client) {
  const answer = await client.chat.completions.create(CHAT);
  const choice = answer.choices[0];
  return {
    text: choice.message.content,
    finish_reason: choice.finish_reason,
    model: answer.model,
    usage: usage(answer.usage),
  };
}

/** The same answer in chunks. */
async function stream(client, options = {}) {
  let chunks = 0;
  let text = "";
  let finish_reason = null;
  const seenUsage = [];
  for await (const chunk of await client.chat.completions.create({ ...CHAT, stream: true, ...options })) {
    chunks += 1;
    if (chunk.usage) seenUsage.push(usage(chunk.usage));
    for (const choice of chunk.choices) {
      text += choice.delta.content ?? "";
      finish_reason = choice.finish_reason ?? finish_reason;
    }
  }
  if (seenUsage.length > 1) throw new Error(`usage came ${seenUsage.length} times`);
  return { text, finish_reason, chunks, usage: seenUsage[0] ?? null };
}

/** One text; the SDK asks for base64 by itself and decodes it. */
async function embedding(client) {
  const answer = await client.embeddings.create({ model: EMBED_MODEL, input: "What does this cost?" });
  const vector = answer.data[0].embedding;
  return {
    dimensions: vector.length,
    is_numbers: vector.every((number) => typeof number === "number"),
    prompt_tokens: answer.usage.prompt_tokens,
  };
}

/** Three texts at once, as plain numbers. */
async function embeddings(client) {
  const texts = ["one text", "another text", "a third"];
  const answer = await client.embeddings.create({ model: EMBED_MODEL, input: texts, encoding_format: "float" });
  return {
    count: answer.data.length,
    indices: answer.data.map((row) => row.index),
    dimensions: [...new Set(answer.data.map((row) => row.embedding.length))],
  };
}

/** The model has to call a function. */
async function toolCall(client) {
  const answer = await client.chat.completions.create({
    model: CHAT_MODEL,
    messages: [{ role: "user", content: "What is the weather in Lisbon? Use the tool." }],
    tools: [TOOL],
    tool_choice: "required",
    max_tokens: 64,
    temperature: 0,
  });
  const call = answer.choices[0].message.tool_calls[0];
  return {
    name: call.function.name,
    arguments: JSON.parse(call.function.arguments),
    finish_reason: answer.choices[0].finish_reason,
  };
}

/** The name of the SDK's own error class, or null if the call went through. */
async function errorClass(call) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    return error.constructor.name;
  }
  return null;
}

const client = new OpenAI({ maxRetries: 0, timeout: 60_000 });
const stranger = client.withOptions({ apiKey: "not-a-key" });
const result = {
  runtime: `node ${process.versions.node}`,
  sdk: JSON.parse(readFileSync(new URL("node_modules/openai/package.json", import.meta.url), "utf8")).version,
  models: (await client.models.list()).data.length,
  chat: await chat(client),
  stream: await stream(client),
  stream_with_usage: await stream(client, { stream_options: { include_usage: true } }),
  tool_call: await toolCall(client),
  embedding: await embedding(client),
  embeddings: await embeddings(client),
  errors: {
    bad_model: await errorClass(() => client.chat.completions.create({ ...CHAT, model: "no-such-model" })),
    bad_key: await errorClass(() => stranger.models.list()),
  },
};
console.log(JSON.stringify(result));
