"""What the chain knows of a blob, and what storing it again means. Pure.

`settle` decides over one upload, from what is known of the same content:

| known and valid                   | asked for                  | result                       |
|-----------------------------------|----------------------------|------------------------------|
| permanent, until the wanted epoch | anything but force         | alreadyCertified with event  |
| deletable and ours, until then    | not permanent, not force   | alreadyCertified with object |
| ours, same kind, ends before      | reuse_resources, not force | reuseAndExtend               |
| anything else                     |                            | registerFromScratch          |

Epochs count from 1; the end of a registration is the first epoch in which it is no longer valid.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from gauntlet.targets._walrus_ids import encoded_length, new_digest, new_object_id, units

MAX_EPOCHS = 53
"""How far ahead the chain lets a blob be stored."""
PRICE_PER_WRITE = 2000
PRICE_PER_EPOCH = 100
"""Both per unit of encoded size; the network's prices change, these give its documented example."""
MAX_REGISTRATIONS = 8
"""Registrations remembered per blob; of more, those that end first are forgotten."""

Result = dict[str, Any]


@dataclass(frozen=True)
class Terms:
    """How a blob is to be stored: the query of an upload."""

    epochs: int = 1
    permanent: bool = False
    force: bool = False
    reuse: bool = False
    send_to: str | None = None
    share: bool = False


@dataclass
class Registration:
    """One object on the chain that keeps a blob."""

    object: str
    storage: str
    digest: str
    start: int
    end: int
    deletable: bool
    owned: bool
    shared: str | None

    @property
    def objects(self) -> list[str]:
        """The ids under which the blob can be read by object id."""
        return [self.object, self.shared] if self.shared else [self.object]


@dataclass
class Patch:
    """One file of a quilt: its columns, and where its bytes lie in the stored file."""

    identifier: str
    first: int
    after: int
    offset: int
    length: int
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Record:
    """All that is known of one blob; `patches` is None unless it is a quilt."""

    size: int
    created_s: float
    registrations: list[Registration] = field(default_factory=list)
    patches: list[Patch] | None = None

    def is_valid(self, epoch: int) -> bool:
        """Whether some registration still keeps the blob."""
        return any(item.end > epoch for item in self.registrations)

    def dump(self) -> bytes:
        """The record as a file."""
        return orjson.dumps(self)


def load_record(raw: bytes) -> Record:
    """The record of a file that `Record.dump` gave."""
    content = orjson.loads(raw)
    registrations = [Registration(**item) for item in content["registrations"]]
    patches = content["patches"]
    return Record(
        content["size"],
        content["created_s"],
        registrations,
        None if patches is None else [Patch(**item) for item in patches],
    )


def settle(record: Record, blob: str, terms: Terms, epoch: int) -> Result:
    """Store a blob for some epochs: changes the record, returns the content of the answer."""
    end = epoch + terms.epochs
    valid = [item for item in record.registrations if item.end > epoch and not terms.force]
    for item in valid:
        if not item.deletable and item.end >= end:
            event = {"txDigest": item.digest, "eventSeq": "0"}
            return {"alreadyCertified": {"blobId": blob, "event": event, "endEpoch": item.end}}
    ours = [item for item in valid if item.owned and item.deletable != terms.permanent]
    for item in ours:
        if item.end >= end:
            found = {"blobId": blob, "object": item.object, "endEpoch": item.end}
            return {"alreadyCertified": found}
    if ours and terms.reuse:
        return _extend(record, max(ours, key=lambda item: item.end), blob, end)
    return _register(record, blob, terms, epoch)


def forget_surplus(record: Record) -> list[str]:
    """Drop registrations beyond the maximum; returns the object ids that are no more."""
    ordered = sorted(record.registrations, key=lambda item: item.end)
    surplus = ordered[:-MAX_REGISTRATIONS]
    for item in surplus:
        record.registrations.remove(item)
    return [name for item in surplus for name in item.objects]


def _register(record: Record, blob: str, terms: Terms, epoch: int) -> Result:
    new = Registration(
        object=new_object_id(),
        storage=new_object_id(),
        digest=new_digest(),
        start=epoch,
        end=epoch + terms.epochs,
        deletable=not terms.permanent,
        owned=not (terms.send_to or terms.share),
        shared=new_object_id() if terms.share else None,
    )
    record.registrations.append(new)
    length = encoded_length(record.size)
    operation = {"registerFromScratch": {"encodedLength": length, "epochsAhead": terms.epochs}}
    cost = units(record.size) * (PRICE_PER_WRITE + PRICE_PER_EPOCH * terms.epochs)
    created = _created(record, new, blob, operation, cost)
    if new.shared:
        created["sharedBlobObject"] = new.shared
    return {"newlyCreated": created}


def _extend(record: Record, item: Registration, blob: str, end: int) -> Result:
    extended = end - item.end
    item.end = end
    length = encoded_length(record.size)
    operation = {"reuseAndExtend": {"encodedLength": length, "epochsExtended": extended}}
    cost = units(record.size) * PRICE_PER_EPOCH * extended
    return {"newlyCreated": _created(record, item, blob, operation, cost)}


def _created(record: Record, item: Registration, blob: str, operation: Result, cost: int) -> Result:
    storage = {
        "id": item.storage,
        "startEpoch": item.start,
        "endEpoch": item.end,
        "storageSize": encoded_length(record.size),
    }
    blob_object = {
        "id": item.object,
        "registeredEpoch": item.start,
        "blobId": blob,
        "size": record.size,
        "encodingType": "RS2",
        "certifiedEpoch": item.start,
        "storage": storage,
        "deletable": item.deletable,
    }
    return {"blobObject": blob_object, "resourceOperation": operation, "cost": cost}
