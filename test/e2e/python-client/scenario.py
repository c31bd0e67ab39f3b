"""One scenario per subcommand with the official Python client. Prints what it saw as one JSON object.

usage: scenario.py <base url> <api key> <scenario>
"""

import asyncio
import json
import sys

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel


class Prime(BaseModel):
    place: int
    prime: int


WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


def plain(client):
    made = client.responses.create(
        model="general", input="What is it?", instructions="Be brief.", metadata={"lang": "py"}
    )
    again = client.responses.retrieve(made.id)
    items = client.responses.input_items.list(made.id, order="asc")
    deleted = client.responses.delete(made.id)
    try:
        client.responses.retrieve(made.id)
        gone = None
    except openai.NotFoundError as error:
        gone = error.code
    return {
        "text": made.output_text,
        "same": again == made,
        "metadata": made.metadata,
        "usage": made.usage.model_dump(),
        "items": [item.content[0].text for item in items],
        "deleted": deleted is None or bool(deleted),
        "gone": gone,
    }


def stream(client):
    events = list(client.responses.create(model="general", input="Talk", stream=True))
    response_id = events[0].response.id
    rest = list(client.responses.retrieve(response_id, stream=True, starting_after=events[3].sequence_number))
    with client.responses.stream(model="general", input="Talk again") as manager:
        for _event in manager:
            pass
        final = manager.get_final_response()
    return {
        "events": [event.model_dump(mode="json", exclude_unset=True) for event in events],
        "rest": [event.sequence_number for event in rest],
        "helper": final.output_text,
    }


def background(client):
    made = client.responses.create(model="general", input="In the back", background=True)
    seen = []
    for event in client.responses.retrieve(made.id, stream=True):
        seen.append(event.type)
        if event.type == "response.output_text.delta" and "cancel" not in seen:
            seen.append("cancel")
            client.responses.cancel(made.id)
    return {"background": made.background, "last": seen[-1], "status": client.responses.retrieve(made.id).status}


def functions(client):
    first = client.responses.create(model="general", input="Weather?", tools=[WEATHER])
    call = next(item for item in first.output if item.type == "function_call")
    second = client.responses.create(
        model="general",
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "rain"}],
        tools=[WEATHER],
    )
    return {"arguments": json.loads(call.arguments), "text": second.output_text}


def structured(client):
    parsed = client.responses.parse(model="general", input="The tenth prime", text_format=Prime)
    return {"parsed": parsed.output_parsed.model_dump()}


def conversations(client):
    made = client.conversations.create(
        items=[{"type": "message", "role": "user", "content": "I am Ada."}], metadata={"topic": "names"}
    )
    client.responses.create(model="general", input="Who am I?", conversation=made.id)
    client.conversations.update(made.id, metadata={"topic": "people"})
    found = client.conversations.retrieve(made.id)
    items = [item.content[0].text for item in client.conversations.items.list(made.id, order="asc", limit=1)]
    deleted = client.conversations.delete(made.id)
    return {"metadata": found.metadata, "items": items, "deleted": deleted.deleted}


def chat(client):
    messages = [{"role": "user", "content": "Zażółć?"}]
    completion = client.chat.completions.create(model="general", messages=messages)
    chunks = list(
        client.chat.completions.create(
            model="general", messages=messages, stream=True, stream_options={"include_usage": True}
        )
    )
    return {
        "text": completion.choices[0].message.content,
        "finish": completion.choices[0].finish_reason,
        "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
        "usage": chunks[-1].usage.total_tokens,
        "models": [model.id for model in client.models.list()],
    }


def errors(client):
    def error_of(call):
        try:
            call()
        except openai.APIStatusError as error:
            return [type(error).__name__, error.code, error.param]
        return None

    stranger = client.with_options(api_key="ts_not_a_key_of_this_server_000000000")
    return {
        "model": error_of(lambda: client.responses.create(model="nobody/knows", input="x")),
        "field": error_of(lambda: client.responses.create(model="general", input="x", temperature=9)),
        "key": error_of(lambda: stranger.models.list()),
    }


async def together(base_url, api_key):
    async with AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=0) as client:

        async def one(number):
            text = ""
            async for event in await client.responses.create(model="general", input=f"number {number}", stream=True):
                if event.type == "response.output_text.delta":
                    text += event.delta
            return text

        return {"texts": await asyncio.gather(*(one(number) for number in range(10)))}


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (plain, stream, background, functions, structured, conversations, chat, errors)
}


def main():
    base_url, api_key, name = sys.argv[1:4]
    if name == "together":
        seen = asyncio.run(together(base_url, api_key))
    else:
        seen = SCENARIOS[name](OpenAI(base_url=base_url, api_key=api_key, max_retries=0, timeout=60))
    print(json.dumps(seen))


main()
