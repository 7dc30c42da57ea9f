"""What is sent to which model."""

import pytest

from shared.ai.profiles import REASONING_TOKENS, profile_of


@pytest.mark.parametrize(
    "model", ["gpt-4o", "gpt-4o-mini-2024-07-18", "gpt-4.1", "gpt-5-chat", "gpt-5.1-chat", "llama3.1"]
)
def test_chat_models_and_unknown_ones_get_sampling_parameters_and_max_tokens(model: str):
    assert profile_of(model).parameters(300) == {
        "max_tokens": 300,
        "temperature": 0.7,
        "top_p": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
    }


@pytest.mark.parametrize("model", ["o1", "o3-mini", "O4-mini", "gpt-5", "gpt-5-nano", "gpt-5.1", "openai/gpt-5-mini"])
def test_reasoning_models_get_no_sampling_and_room_to_reason(model: str):
    profile = profile_of(model)
    assert profile.parameters(300) == {"max_completion_tokens": 300 + REASONING_TOKENS, "reasoning_effort": "low"}
    assert profile.output_cap(300) == 300 + REASONING_TOKENS


@pytest.mark.parametrize("model", ["o1-mini", "o1-preview-2024-09-12"])
def test_the_first_reasoning_models_do_not_know_reasoning_effort(model: str):
    assert set(profile_of(model).parameters(300)) == {"max_completion_tokens"}
