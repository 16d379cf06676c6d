// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAgreementErrors} from "../interfaces/IAgreementErrors.sol";
import {Terms, Witnessed} from "../types/AgreementTypes.sol";
import {Milestones} from "./Milestones.sol";

/// @title Terms that the factory refuses although both parties signed them.
/// @notice Each rule keeps money from getting stuck or one side from proving its own performance.
library TermsRules {
    /// @dev No clock is longer: an honest order ends sooner, a slip of the pen would lock money for ever.
    uint256 internal constant LONGEST = 3650 days;
    uint8 internal constant NEVER = 255;

    /// @notice Reverts unless the terms are fit to be opened now.
    /// @param terms The signed terms.
    /// @param selfAttestedBps Ceiling of what the maker's own evidence releases, advance included.
    /// @param feeCeilingBps Ceiling of the fee.
    function check(Terms calldata terms, uint16 selfAttestedBps, uint16 feeCeilingBps) internal view {
        _checkParties(terms);
        _checkMoney(terms, feeCeilingBps);
        _checkClocks(terms);
        _checkMilestones(terms, selfAttestedBps);
    }

    function _checkParties(Terms calldata terms) private pure {
        (address payer, address payee, address arbiter) = (terms.payer, terms.payee, terms.arbiter);
        address attestor = terms.attestor;
        if (payer == address(0) || payee == address(0) || arbiter == address(0)) {
            revert IAgreementErrors.PartyMissing();
        }
        if (payer == payee) revert IAgreementErrors.RoleConflict(payer);
        if (arbiter == payer || arbiter == payee || arbiter == attestor) {
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

    function _checkMoney(Terms calldata terms, uint16 feeCeilingBps) private pure {
        if (terms.amount == 0 || terms.unit == 0 || terms.amount % terms.unit != 0) {
            revert IAgreementErrors.BadAmount(terms.amount, terms.unit);
        }
        if (terms.feeBps > feeCeilingBps) revert IAgreementErrors.FeeTooHigh(terms.feeBps, feeCeilingBps);
        _checkRate(terms.penaltyBpsPerDay);
        _checkRate(terms.penaltyCapBps);
        _checkRate(terms.cancelBps);
        _checkRate(terms.timeoutBps);
    }

    function _checkClocks(Terms calldata terms) private view {
        if (block.timestamp > terms.fundBy) revert IAgreementErrors.FundingExpired(terms.fundBy);
        if (terms.fundBy > terms.deliverBy || terms.deliverBy > block.timestamp + LONGEST) {
            revert IAgreementErrors.BadDeadlines(terms.fundBy, terms.deliverBy);
        }
        if (terms.grace > LONGEST) revert IAgreementErrors.BadWindow(terms.grace);
        _checkWindow(terms.contestWindow);
        _checkWindow(terms.acceptWindow);
        _checkWindow(terms.arbiterWindow);
        if (terms.retentionWindow != 0 || Milestones.find(terms.milestones, Milestones.RETAINED) < Milestones.COUNT) {
            _checkWindow(terms.retentionWindow);
        }
    }

    function _checkMilestones(Terms calldata terms, uint16 selfAttestedBps) private pure {
        uint256 packed = terms.milestones;
        uint256 total;
        uint256 selfAttested;
        for (uint256 i = 0; i < Milestones.COUNT; ++i) {
            uint32 lane = Milestones.lane(packed, i);
            if (lane == 0) continue;
            uint16 code = Milestones.eventCode(lane);
            // One proof must not pay two milestones, so a code appears once.
            if (code == 0 || Milestones.find(packed, code) != i) revert IAgreementErrors.BadEventCode(i, code);
            uint256 bps = Milestones.bps(lane);
            total += bps;
            if (code == Milestones.OPENED) {
                selfAttested += bps;
            } else if (code != Milestones.RETAINED) {
                Witnessed by = Milestones.witnessed(lane);
                if (by == Witnessed.Attestor) selfAttested += bps;
                _checkSigners(terms, i, by);
            }
        }
        if (total > Milestones.FULL_BPS) revert IAgreementErrors.SharesTooHigh(total);
        if (selfAttested > selfAttestedBps) {
            revert IAgreementErrors.SelfAttestedTooHigh(selfAttested, selfAttestedBps);
        }
        uint8 until = terms.cancelUntil;
        if (until != NEVER && (until >= Milestones.COUNT || Milestones.lane(packed, until) == 0)) {
            revert IAgreementErrors.BadCancelUntil(until);
        }
    }

    function _checkSigners(Terms calldata terms, uint256 index, Witnessed by) private pure {
        bool needsAttestor = by == Witnessed.Attestor || by == Witnessed.Both;
        bool needsWitness = by == Witnessed.Witness || by == Witnessed.Both;
        if ((needsAttestor && terms.attestor == address(0)) || (needsWitness && terms.witness == address(0))) {
            revert IAgreementErrors.SignerMissing(index);
        }
    }

    function _checkWindow(uint256 window) private pure {
        if (window == 0 || window > LONGEST) revert IAgreementErrors.BadWindow(window);
    }

    function _checkRate(uint256 bps) private pure {
        if (bps > Milestones.FULL_BPS) revert IAgreementErrors.RateTooHigh(bps);
    }
}
