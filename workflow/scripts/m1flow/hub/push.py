"""Publishing a model folder on the Hugging Face hub."""

from __future__ import annotations

import logging
from pathlib import Path

from m1flow.errors import M1FlowError
from m1flow.text.shown import one_line

log = logging.getLogger(__name__)


def push(folder: Path, repository: str) -> str:
    """Upload a model folder to a repository, which is created as private if it is missing; returns the commit.

    The token is the hub client's own: HF_TOKEN, or the one stored by ``hf auth login``.

    Raises:
        M1FlowError: there is no token or no right to write, or the hub can't be reached.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError

    if get_token() is None:
        raise M1FlowError(
            f"students: push_to_hub: {repository}: no token for the hub; set HF_TOKEN, or run: hf auth login"
        )
    api = HfApi()
    try:
        api.create_repo(repository, private=True, exist_ok=True)
        done = api.upload_folder(
            repo_id=repository, folder_path=folder, ignore_patterns=[".*"], commit_message=f"{folder.name}, by m1flow"
        )
    except (HfHubHTTPError, OSError) as error:
        raise M1FlowError(
            f"students: push_to_hub: {repository}: {folder} can't be pushed ({one_line(error)}); "
            "check the repository's name, the token's rights and the network, then run again"
        ) from error
    log.info("%s: pushed to %s at %s", folder, repository, done.oid)
    return done.oid
