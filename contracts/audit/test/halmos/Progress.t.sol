// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Milestones} from "../../../src/libraries/Milestones.sol";
import {Progress} from "../../../src/libraries/Progress.sol";
import {TermsRules} from "../../../src/libraries/TermsRules.sol";
import {State} from "../../../src/types/AgreementTypes.sol";
import {Symbolic} from "./Symbolic.sol";

/// @notice The word of what has happened: whatever is in it, each write changes its own bits and can be read again.
contract ProgressSymbolic is Symbolic {
    using Progress for uint256;

    uint256 private constant LANE = (1 << 27) - 1;
    uint256 private constant HANDOVER = LANE << 229;

    /// @notice Another state changes nothing else.
    function check_aStateIsFiveBits(uint256 word, uint8 next) external pure {
        vm.assume(next <= uint8(State.Resolved));
        uint256 after_ = word.become(State(next));
        assert(after_.state() == State(next));
        assert((word ^ after_) & ~(uint256(31) << 224) == 0);
    }

    /// @notice A payment sets one bit; nothing clears it.
    function check_aPaymentIsOneBit(uint256 word, uint256 milestone) external pure {
        vm.assume(milestone < Milestones.COUNT);
        uint256 after_ = word.pay(milestone);
        assert(after_.isPaid(milestone));
        assert(after_ == word | 1 << (216 + milestone));
    }

    /// @notice A claim is kept in its lane alone, to the second.
    function check_aClaimIsReadAsItWasMade(uint256 word, uint256 milestone, uint40 time, uint40 last) external pure {
        vm.assume(milestone < Milestones.COUNT && !word.isClaimed(milestone));
        vm.assume(time <= last && last - time <= TermsRules.LONGEST);
        uint256 after_ = word.claim(milestone, time, last);
        assert(after_.claimedAt(milestone, last) == time);
        assert(after_.isClaimed(milestone) && !after_.isRefused(milestone));
        assert((word ^ after_) & ~(LANE << (27 * milestone)) == 0);
    }

    /// @notice A refused claim waits no more, stays a claim, and touches no other lane.
    function check_aRefusalIsFinal(uint256 word, uint256 milestone) external pure {
        vm.assume(milestone < Milestones.COUNT);
        uint256 after_ = word.refuse(milestone);
        assert(after_.isRefused(milestone) && after_.isClaimed(milestone) && !after_.isPending(milestone));
        assert((word ^ after_) & ~(LANE << (27 * milestone)) == 0);
    }

    /// @notice A handover is kept in its own bits, to the second.
    function check_aHandoverIsReadAsItWasMade(uint256 word, uint40 time, uint40 last) external pure {
        vm.assume(word & HANDOVER == 0 && time != 0);
        vm.assume(time <= last && last - time <= TermsRules.LONGEST);
        uint256 after_ = word.deliver(time, last);
        assert(after_.deliveredAt(last) == time);
        assert((word ^ after_) & ~HANDOVER == 0);
    }

    /// @notice The claim that is found next is one that waits, and none before it was left out.
    /// @dev From the sixth lane on: each round is like the one before, and each doubles the paths.
    function check_theNextClaimIsTheFirstThatWaits(uint256 word, uint256 from, uint256 age, uint256 other)
        external
        pure
    {
        vm.assume(from > 4 && from < Milestones.COUNT && other >= from);
        uint256 found = word.nextClaim(from, age);
        assert(found <= Milestones.COUNT);
        if (found < Milestones.COUNT) assert(word.isPending(found) && word >> (27 * found) & LANE > age);
        if (other < found) assert(!word.isPending(other) || word >> (27 * other) & LANE <= age);
    }
}
