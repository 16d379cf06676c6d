// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {State} from "../types/AgreementTypes.sol";

/// @title What has happened to an agreement, in one storage word; zero is an agreement as it opened.
/// @dev Bits 0-215 are eight lanes of 27 bits, when each milestone was claimed; 216-223 which are paid; 224-228 the
/// state; 229-255 the handover. An instant is kept as one more than the seconds that it lies before the last second
/// of a delivery: that second is fixed by the terms, and `TermsRules` keeps it within 27 bits of the opening. So
/// nothing here overflows with a milestone below eight and a time between the opening and that second.
library Progress {
    uint256 private constant LANE_BITS = 27;
    uint256 private constant LANE = (1 << LANE_BITS) - 1;
    uint256 private constant COUNT = 8;
    uint256 private constant LANES = (1 << (COUNT * LANE_BITS)) - 1;
    uint256 private constant PAID_AT = 216;
    uint256 private constant STATE_AT = 224;
    uint256 private constant STATE = 31;
    uint256 private constant HANDOVER_AT = 229;

    /// @dev Takes the place of an instant once the payer refused the claim.
    uint256 private constant REFUSED = LANE;

    /// @notice Where the agreement stands.
    function state(uint256 word) internal pure returns (State) {
        return State((word >> STATE_AT) & STATE);
    }

    /// @notice The same word in another state.
    function become(uint256 word, State next) internal pure returns (uint256) {
        return (word & ~(STATE << STATE_AT)) | (uint256(next) << STATE_AT);
    }

    /// @notice Bit i: milestone i is paid; without the advance, which no move pays.
    function paid(uint256 word) internal pure returns (uint256) {
        return uint8(word >> PAID_AT);
    }

    /// @notice Whether a milestone is paid.
    function isPaid(uint256 word, uint256 milestone) internal pure returns (bool) {
        unchecked {
            return word & (1 << (PAID_AT + milestone)) != 0;
        }
    }

    /// @notice The same word with the milestone paid.
    function pay(uint256 word, uint256 milestone) internal pure returns (uint256) {
        unchecked {
            return word | (1 << (PAID_AT + milestone));
        }
    }

    /// @notice Whether anybody ever claimed the milestone, refused or not.
    function isClaimed(uint256 word, uint256 milestone) internal pure returns (bool) {
        return _lane(word, milestone) != 0;
    }

    /// @notice The first claim from `milestone` on that waits to be paid and was made more than `age` seconds before
    /// the second after the last one of a delivery; eight where there is no other.
    function nextClaim(uint256 word, uint256 milestone, uint256 age) internal pure returns (uint256) {
        unchecked {
            uint256 lanes = (word & LANES) >> (LANE_BITS * milestone);
            for (; lanes != 0; (++milestone, lanes >>= LANE_BITS)) {
                uint256 lane = lanes & LANE;
                if (lane > age && lane != REFUSED && !isPaid(word, milestone)) return milestone;
            }
        }
        return COUNT;
    }

    /// @notice Whether a claim waits to be paid: neither refused nor paid yet.
    function isPending(uint256 word, uint256 milestone) internal pure returns (bool) {
        uint256 lane = _lane(word, milestone);
        return lane != 0 && lane != REFUSED && !isPaid(word, milestone);
    }

    /// @notice Whether the payer refused the claim.
    function isRefused(uint256 word, uint256 milestone) internal pure returns (bool) {
        return _lane(word, milestone) == REFUSED;
    }

    /// @notice The second of a claim that is pending or paid.
    function claimedAt(uint256 word, uint256 milestone, uint256 last) internal pure returns (uint256) {
        unchecked {
            return last + 1 - _lane(word, milestone);
        }
    }

    /// @notice The same word with the milestone claimed at `time`, which is not after `last`.
    function claim(uint256 word, uint256 milestone, uint256 time, uint256 last) internal pure returns (uint256) {
        unchecked {
            return word | ((last + 1 - time) << (LANE_BITS * milestone));
        }
    }

    /// @notice The same word with the claim refused: all bits of its lane set.
    function refuse(uint256 word, uint256 milestone) internal pure returns (uint256) {
        unchecked {
            return word | (REFUSED << (LANE_BITS * milestone));
        }
    }

    /// @notice The second of the handover; zero before it.
    function deliveredAt(uint256 word, uint256 last) internal pure returns (uint256) {
        unchecked {
            uint256 before = word >> HANDOVER_AT;
            return before == 0 ? 0 : last + 1 - before;
        }
    }

    /// @notice The same word, handed over at `time`, which is not after `last`.
    function deliver(uint256 word, uint256 time, uint256 last) internal pure returns (uint256) {
        unchecked {
            return word | ((last + 1 - time) << HANDOVER_AT);
        }
    }

    function _lane(uint256 word, uint256 milestone) private pure returns (uint256) {
        unchecked {
            return (word >> (LANE_BITS * milestone)) & LANE;
        }
    }
}
