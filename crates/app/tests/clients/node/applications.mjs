// Does what applications do, with the OpenAI SDK for Node and the Vercel AI SDK, and prints one line of JSON.
//
// The environment gives OPENAI_BASE_URL, OPENAI_API_KEY, CHAT_MODEL and EMBED_MODEL. A case that fails ends the script with a trace.

import process from "node:process";
import { createOpenAI } from "@ai-sdk/openai";
import { embedMany, generateText, stepCountIs, streamText, tool } from "ai";
import OpenAI, { toFile } from "openai";
import { z } from "zod";

const { CHAT_MODEL, EMBED_MODEL, OPENAI_BASE_URL, OPENAI_API_KEY } = process.env;

/** A tool that the model may call. */
const weather = tool({
  description: "Tells the weather in a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `It rains in ${city}.`,
});

/** Responses, whole and streamed. */
async function responses(client) {
  const whole = await client.responses.create({ model: CHAT_MODEL, input: "Say hello." });
  let text = "";
  let last;
  for await (const event of await client.responses.create({ model: CHAT_MODEL, input: "Say hello.", stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event.type;
  }
  const next = await client.responses.create({ model: CHAT_MODEL, input: "Again.", previous_response_id: whole.id });
  return { same: text === whole.output_text, last, continued: next.status };
}

/** A file, in the order in which this SDK sends a form. */
async function files(client) {
  const file = await client.files.create({ file: await toFile(Buffer.from("lights"), "notes.txt"), purpose: "user_data" });
  const down = await (await client.files.content(file.id)).text();
  let listed = 0;
  for await (const _ of client.files.list()) listed += 1;
  await client.files.delete(file.id);
  return { down, listed };
}

/** The class of the SDK's own exception. */
async function errorClass(call) {
  try {
    await call();
  } catch (error) {
    return [error.constructor.name, error.code];
  }
  return null;
}

/** The Vercel AI SDK, over one of its two surfaces. */
async function vercel(model) {
  const whole = await generateText({ model, prompt: "Say hello.", maxRetries: 0 });
  const streamed = streamText({ model, prompt: "Say hello.", maxRetries: 0 });
  let text = "";
  for await (const part of streamed.textStream) text += part;
  const used = await streamed.usage;
  const called = await generateText({
    model,
    prompt: "What is the weather in Lisbon? Use the tool.",
    tools: { weather },
    stopWhen: stepCountIs(3),
    maxRetries: 0,
  });
  const calls = called.steps.flatMap((step) => step.toolCalls).map((call) => call.toolName);
  return { same: text === whole.text, usage: used.outputTokens > 0, calls: [...new Set(calls)], steps: called.steps.length };
}

const client = new OpenAI({ maxRetries: 0, timeout: 60_000 });
const provider = createOpenAI({ baseURL: OPENAI_BASE_URL, apiKey: OPENAI_API_KEY });
const { embeddings } = await embedMany({ model: provider.textEmbeddingModel(EMBED_MODEL), values: ["one", "two"], maxRetries: 0 });
const result = {
  responses: await responses(client),
  files: await files(client),
  errors: {
    missing: await errorClass(() => client.responses.retrieve("resp_nobodys")),
    field: await errorClass(() => client.responses.create({ model: CHAT_MODEL, input: "x", max_tokens: 5 })),
  },
  vercel_responses: await vercel(provider.responses(CHAT_MODEL)),
  vercel_chat: await vercel(provider.chat(CHAT_MODEL)),
  vercel_vectors: embeddings.length,
};
console.log(JSON.stringify(result));
