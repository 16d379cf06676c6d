// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAgreementErrors} from "../interfaces/IAgreementErrors.sol";
import {Terms, Witnessed} from "../types/AgreementTypes.sol";
import {Milestones} from "./Milestones.sol";

/// @title Terms that the factory refuses although both parties signed them.
/// @notice Each rule keeps money from getting stuck or one side from proving its own performance.
library TermsRules {
    /// @dev No clock is longer: an honest order ends sooner, a slip of the pen would lock money for ever. `Progress`
    /// counts on it for the time between the opening and the last second of a delivery.
    uint256 internal constant LONGEST = 1460 days;
    uint8 internal constant NEVER = 255;

    /// @notice Reverts unless the terms are fit to be opened now.
    /// @param terms The signed terms.
    /// @param selfAttestedBps Ceiling of what the maker's own evidence releases, advance included.
    /// @param feeCeilingBps Ceiling of the fee.
    function check(Terms memory terms, uint16 selfAttestedBps, uint16 feeCeilingBps) internal view {
        _checkClean(terms);
        _checkParties(terms);
        _checkMoney(terms, feeCeilingBps);
        _checkClocks(terms);
        _checkMilestones(terms, selfAttestedBps);
    }

    /// @dev Bits beyond a member's type would be part of what was signed and logged, and no reader would show them.
    function _checkClean(Terms memory terms) private pure {
        uint256 dirt;
        assembly ("memory-safe") {
            function member(base, index) -> word {
                word := mload(add(base, shl(5, index)))
            }
            function both(base, index) -> words {
                words := or(member(base, index), member(base, add(index, 1)))
            }
            // uint8: kind, supplyCount, cancelUntil
            dirt := shr(8, or(both(terms, 0), member(terms, 23)))
            // address: payer to token
            let addresses := or(or(both(terms, 2), both(terms, 4)), or(both(terms, 6), member(terms, 8)))
            dirt := or(dirt, shr(160, addresses))
            // uint96: unit, amount
            dirt := or(dirt, shr(96, both(terms, 9)))
            // uint40: fundBy, deliverBy
            dirt := or(dirt, shr(40, both(terms, 12)))
            // uint32: grace to arbiterWindow
            dirt := or(dirt, shr(32, or(or(both(terms, 14), both(terms, 16)), member(terms, 18))))
            // uint16: the rates
            dirt := or(dirt, shr(16, or(or(both(terms, 19), both(terms, 21)), member(terms, 24))))
        }
        if (dirt != 0) revert IAgreementErrors.DirtyTerms();
    }

    function _checkParties(Terms memory terms) private view {
        (address payer, address payee, address arbiter) = (terms.payer, terms.payee, terms.arbiter);
        address attestor = terms.attestor;
        if (payer == address(0) || payee == address(0) || arbiter == address(0)) {
            revert IAgreementErrors.PartyMissing();
        }
        if (payer == payee) revert IAgreementErrors.RoleConflict(payer);
        // Whoever carries the terms to the chain must not be their judge either.
        if (arbiter == payer || arbiter == payee || arbiter == attestor || arbiter == msg.sender) {
            revert IAgreementErrors.RoleConflict(arbiter);
        }
        address witness = terms.witness;
        if (witness != address(0) && (witness == payee || witness == attestor || witness == arbiter)) {
            revert IAgreementErrors.RoleConflict(witness);
        }
        address carrier = terms.carrier;
        if (carrier == address(0)) {
            if (terms.handover == 0) revert IAgreementErrors.NoDeliveryProof();
        } else if (carrier == payee || carrier == attestor || carrier == arbiter || carrier == payer) {
            revert IAgreementErrors.RoleConflict(carrier);
        }
    }

    function _checkMoney(Terms memory terms, uint16 feeCeilingBps) private pure {
        if (terms.amount == 0 || terms.unit == 0 || terms.amount % terms.unit != 0) {
            revert IAgreementErrors.BadAmount(terms.amount, terms.unit);
        }
        if (terms.feeBps > feeCeilingBps) revert IAgreementErrors.FeeTooHigh(terms.feeBps, feeCeilingBps);
        _checkRate(terms.penaltyBpsPerDay);
        _checkRate(terms.penaltyCapBps);
        _checkRate(terms.cancelBps);
        _checkRate(terms.timeoutBps);
    }

    function _checkClocks(Terms memory terms) private view {
        if (block.timestamp > terms.fundBy) revert IAgreementErrors.FundingExpired(terms.fundBy);
        if (terms.fundBy > terms.deliverBy || uint256(terms.deliverBy) + terms.grace > block.timestamp + LONGEST) {
            revert IAgreementErrors.BadDeadlines(terms.fundBy, terms.deliverBy);
        }
        _checkWindow(terms.contestWindow);
        _checkWindow(terms.acceptWindow);
        _checkWindow(terms.arbiterWindow);
        if (terms.retentionWindow != 0 || Milestones.find(terms.milestones, Milestones.RETAINED) < Milestones.COUNT) {
            _checkWindow(terms.retentionWindow);
        }
    }

    /// @dev Unchecked: eight lanes of at most 16,383 basis points do not overflow.
    function _checkMilestones(Terms memory terms, uint16 selfAttestedBps) private pure {
        uint256 total;
        uint256 selfAttested;
        // Bit `who`: some lane needs that signature. Reserved codes need none.
        uint256 signers;
        unchecked {
            uint256 rest = terms.milestones;
            for (uint256 i = 0; rest != 0; (++i, rest >>= 32)) {
                if (uint32(rest) == 0) continue;
                uint16 code = Milestones.eventCode(uint32(rest));
                // One proof must not pay two milestones, so a code appears once.
                bool repeated = Milestones.find(rest >> 32, code) < Milestones.COUNT;
                if (code == 0 || repeated) revert IAgreementErrors.BadEventCode(i, code);
                uint256 bps = Milestones.bps(uint32(rest));
                uint256 who = rest & 3;
                total += bps;
                if (code == Milestones.OPENED) {
                    if (i != 0) revert IAgreementErrors.BadEventCode(i, code);
                    selfAttested += bps;
                } else if (code != Milestones.RETAINED) {
                    if (who == uint256(Witnessed.Attestor)) selfAttested += bps;
                    signers |= 1 << who;
                }
            }
        }
        if (total > Milestones.FULL_BPS) revert IAgreementErrors.SharesTooHigh(total);
        if (selfAttested > selfAttestedBps) {
            revert IAgreementErrors.SelfAttestedTooHigh(selfAttested, selfAttestedBps);
        }
        _checkSigners(terms, signers);
        uint8 until = terms.cancelUntil;
        if (until != NEVER && (until >= Milestones.COUNT || Milestones.lane(terms.milestones, until) == 0)) {
            revert IAgreementErrors.BadCancelUntil(until);
        }
    }

    function _checkSigners(Terms memory terms, uint256 signers) private pure {
        bool attestor = signers & ((1 << uint256(Witnessed.Attestor)) | (1 << uint256(Witnessed.Both))) != 0;
        bool witness = signers & ((1 << uint256(Witnessed.Witness)) | (1 << uint256(Witnessed.Both))) != 0;
        if (attestor && terms.attestor == address(0)) revert IAgreementErrors.SignerMissing(Witnessed.Attestor);
        if (witness && terms.witness == address(0)) revert IAgreementErrors.SignerMissing(Witnessed.Witness);
    }

    function _checkWindow(uint256 window) private pure {
        if (window == 0 || window > LONGEST) revert IAgreementErrors.BadWindow(window);
    }

    function _checkRate(uint256 bps) private pure {
        if (bps > Milestones.FULL_BPS) revert IAgreementErrors.RateTooHigh(bps);
    }
}
