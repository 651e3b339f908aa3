"""
asyncio: droids work at the same time; a hedged request whose loser is cancelled; a question with a deadline.

    droidscope serve &
    python examples/asyncio_tasks.py
"""

import asyncio

import droidscope as ds

ds.configure(service_name="example-asyncio")


@ds.session(pattern="research")
async def research(question):
    async with asyncio.TaskGroup() as droids:  # each task of asyncio has the session's context by itself
        droids.create_task(read("papers", question))
        droids.create_task(read("web", question))
    async with ds.ask("researcher", "librarian", deadline=5) as query:
        await asyncio.sleep(0.01)
        print("answered:", query.id)
    return await fastest(question)


@ds.task(droid="reader", type="reading")
async def read(source, question):
    with ds.tool(f"search_{source}"):
        await asyncio.sleep(0.01)
    return question


async def fastest(question):
    """
    Two writers are asked, and the slower one is cancelled: counted as such, and in no error ratio.
    """
    both = [asyncio.create_task(write(question, seconds)) for seconds in (0.01, 60)]
    done, late = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    for one in late:
        one.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return done.pop().result()


@ds.task(droid="writer", type="writing")
async def write(question, seconds):
    await asyncio.sleep(seconds)
    return f"{question}: 42"


async def main():
    print(*await asyncio.gather(research("why"), research("how")), sep="\n")


asyncio.run(main())

print("""expect
sessions: 2 completed
tasks: 6 completed, 2 cancelled
attempts: 6 succeeded, 2 cancelled
tools: 4 succeeded
messages: 2 answered""")
