// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Authorisation, Entry, Party, State, Terms, Witnessed} from "../../src/types/AgreementTypes.sol";
import {IAgreement} from "../../src/interfaces/IAgreement.sol";
import {Arithmetic} from "./Arithmetic.sol";
import {Misuse} from "./Misuse.sol";
import {Mood, SwitchToken} from "./SwitchToken.sol";

/// @title One rule a test, for any price, rate and window. Each fails where its rule is taken out of the contracts.
/// @dev The moves compare all money with the ghost ledger; what a test asserts itself is what its name says.
contract Rules is Misuse {
    using Arithmetic for Terms;

    uint256 private constant ADVANCE = 0;
    uint256 private constant MACHINE = 1;
    uint256 private constant INSPECTION = 2;
    uint256 private constant SHIPPING = 3;

    function setUp() external {
        _deploy();
    }

    // ── claims ───────────────────────────────────────────────────────────────────────────────────

    function testFuzz_aMilestonePaysOnce(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _must(_claim(0, MACHINE, Flaw.None));
        _goTo(clock + t.contestWindow + 1);
        _must(_withdraw(0, Party.Payee));
        uint256 once = t.shareOf(MACHINE);
        vm.assertEq(_paid(p, t.payee), once - t.feeOf(once));
        _mustNot(_withdraw(0, Party.Payee));
        _mustNot(_claim(0, MACHINE, Flaw.None));
        _mustNot(_approve(0, MACHINE, Doubt.None));
        _must(_approve(0, SHIPPING, Doubt.None));
        _mustNot(_approve(0, SHIPPING, Doubt.None));
    }

    function testFuzz_evidenceIsOfThisAgreement(uint256 seed) external {
        _agreed(seed);
        _open(_draftDelivery(0));
        for (uint256 flaw = 1; flaw <= uint256(Flaw.WrongOrder); ++flaw) {
            _mustNot(_claim(0, INSPECTION, Flaw(flaw)));
            if (flaw != uint256(Flaw.WrongOrder)) _mustNot(_claim(0, MACHINE, Flaw(flaw)));
        }
        _mustNot(_claim(0, SHIPPING, Flaw.None));
        _must(_claim(0, MACHINE, Flaw.None));
        _must(_claim(0, INSPECTION, Flaw.None));
    }

    function testFuzz_aContestedClaimIsNotPaid(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _must(_claim(0, MACHINE, Flaw.None));
        _goTo(clock + t.contestWindow);
        _must(_contest(0, MACHINE, Doubt.None));
        _goTo(_lastDelivery(t) + 1);
        _must(_refund(0));
        vm.assertEq(_paid(p, t.payee), 0);
        vm.assertEq(_paid(p, t.payer), t.amount - t.advanceOf());
    }

    function testFuzz_noContestAfterTheWindow(uint256 seed) external {
        (, Terms memory t) = _agreed(seed);
        _must(_claim(0, MACHINE, Flaw.None));
        _goTo(clock + t.contestWindow + 1);
        _mustNot(_contest(0, MACHINE, Doubt.None));
        // Nor one that was not to be paid any more.
        _goTo(_lastDelivery(t));
        _must(_claim(0, INSPECTION, Flaw.None));
        _goTo(clock + t.contestWindow + 1);
        _mustNot(_contest(0, INSPECTION, Doubt.None));
    }

    /// @dev Whoever calls first after the last second: the clock has decided already.
    function testFuzz_aClaimThatEndsTooLateLapses(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _goTo(_lastDelivery(t) - t.contestWindow);
        _must(_claim(0, MACHINE, Flaw.None));
        _goTo(clock + 1);
        _must(_claim(0, INSPECTION, Flaw.None));
        _goTo(clock + t.contestWindow + _roll(3));
        if (_oneIn(2)) _withdraw(0, Party.Payee);
        _goTo(_lastDelivery(t) + 2);
        // The token may have called for the refund in the middle of the withdrawal.
        if (p.state == State.Open) _must(_refund(0));
        uint256 share = t.shareOf(MACHINE);
        vm.assertEq(_paid(p, t.payee), share - t.feeOf(share));
    }

    function testFuzz_matureClaimsComeFirst(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _must(_claim(0, MACHINE, Flaw.None));
        _goTo(clock + t.contestWindow + 1);
        uint256 way = _roll(4);
        if (way == 0) _must(_revoke(0, Doubt.None));
        if (way == 1) _must(_dispute(0, Party.Payer, t.payer, Doubt.None));
        if (way == 2) _must(_split(0, 0, Doubt.None, Doubt.None));
        if (way == 3) _goTo(_lastDelivery(t) + 1);
        if (way == 3) _must(_refund(0));
        uint256 share = t.shareOf(MACHINE);
        vm.assertEq(_paid(p, t.payee), share - t.feeOf(share));
    }

    // ── consents ─────────────────────────────────────────────────────────────────────────────────

    function testFuzz_nobodyElseConsents(uint256 seed) external {
        (, Terms memory t) = _agreed(seed);
        for (uint256 i = 1; i <= uint256(Doubt.Garbage); ++i) {
            _mustNot(_cancel(0, t.amount, Doubt(i)));
        }
        _must(_claim(0, MACHINE, Flaw.None));
        for (uint256 i = 1; i <= uint256(Doubt.Garbage); ++i) {
            Doubt doubt = Doubt(i);
            _mustNot(_contest(0, MACHINE, doubt));
            _mustNot(_approve(0, SHIPPING, doubt));
            _mustNot(_revoke(0, doubt));
            _mustNot(_dispute(0, Party.Payee, t.payee, doubt));
            _mustNot(_dispute(0, Party.Payer, t.payer, doubt));
            _mustNot(_split(0, 5_000, doubt, Doubt.None));
            _mustNot(_split(0, 5_000, Doubt.None, doubt));
            _mustNot(_deliverByCarrier(0, doubt));
        }
        _must(_deliverByCarrier(0, Doubt.None));
        for (uint256 i = 1; i <= uint256(Doubt.Garbage); ++i) {
            _mustNot(_accept(0, Doubt(i)));
        }
        _must(_dispute(0, Party.Payer, t.payer, Doubt.None));
        for (uint256 i = 1; i <= uint256(Doubt.Garbage); ++i) {
            _mustNot(_resolve(0, 5_000, Doubt(i)));
        }
        _must(_resolve(0, 5_000, Doubt.None));
    }

    function testFuzz_onlyTheSecretIsAHandover(uint256 seed) external {
        (, Terms memory t) = _agreed(seed);
        _mustNot(_deliverBySecret(0, 0));
        _mustNot(_deliverBySecret(0, t.handover));
        _mustNot(_deliverBySecret(0, bytes32(uint256(_secretOf(t)) ^ 1)));
        if (t.handover != 0) _must(_deliverBySecret(0, _secretOf(t)));
    }

    function testFuzz_thePayeeMayNotDisputeADelivery(uint256 seed) external {
        (, Terms memory t) = _agreed(seed);
        _must(_deliverByCarrier(0, Doubt.None));
        _mustNot(_dispute(0, Party.Payee, t.payee, Doubt.None));
    }

    // ── money ────────────────────────────────────────────────────────────────────────────────────

    function testFuzz_partsAreFloored(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        (uint256 left, uint256 bps) = (p.left, _roll(10_001));
        _must(_split(0, bps, Doubt.None, Doubt.None));
        uint256 earned = _paid(p, t.payee) + _paid(p, fees) - t.feeOf(t.advanceOf());
        vm.assertEq(earned % t.unit, 0);
        vm.assertLe(earned * 10_000, left * bps, "more than the exact part");
        vm.assertGt((earned + t.unit) * 10_000, left * bps, "a whole unit was lost");
        vm.assertEq(_paid(p, t.payer), left - earned, "the dust is the payer's");
    }

    function testFuzz_thePenaltyIsCapped(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _goTo(t.deliverBy + _roll(t.grace + 1));
        _must(_deliverByCarrier(0, Doubt.None));
        _must(_accept(0, Doubt.None));
        vm.assertLe(_paid(p, t.payer) * 10_000, uint256(t.penaltyCapBps) * t.amount);
        vm.assertTrue(_paid(p, t.payer) == 0 || p.deliveredAt > t.deliverBy, "punished though in time");
    }

    function testFuzz_noFeeOnARefund(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _goTo(_lastDelivery(t) + 1);
        _must(_refund(0));
        vm.assertEq(_paid(p, fees), t.feeOf(t.advanceOf()));
        vm.assertEq(_paid(p, t.payer), t.amount - t.advanceOf());
    }

    /// @dev What a token did not let through waits for its owner, and is had once.
    function testFuzz_aRefusedPaymentIsHadOnce(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        uint256 left = p.left;
        address[3] memory owners = [t.payee, t.payer, fees];
        for (uint256 i = 0; i < 3; ++i) {
            p.token.setMood(owners[i], Mood(1 + _roll(2)));
        }
        _must(_split(0, 5_000, Doubt.None, Doubt.None));
        vm.assertEq(p.token.sent(address(p.clone)), 0);
        for (uint256 i = 0; i < 3; ++i) {
            _mustNot(_withdraw(0, Party(i)));
            p.token.setMood(owners[i], Mood.Plain);
        }
        for (uint256 i = 0; i < 3; ++i) {
            _withdraw(0, Party(i));
            _mustNot(_withdraw(0, Party(i)));
        }
        vm.assertEq(p.token.sent(address(p.clone)), left + t.feeOf(t.advanceOf()));
    }

    function testFuzz_acceptanceIsPresumedAfterItsWindow(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _must(_deliverByCarrier(0, Doubt.None));
        _goTo(p.deliveredAt + t.acceptWindow);
        _mustNot(_finalise(0));
        _goTo(clock + 1);
        _must(_finalise(0));
    }

    function testFuzz_retentionWaitsForItsWindow(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _must(_deliverByCarrier(0, Doubt.None));
        _must(_accept(0, Doubt.None));
        vm.assertEq(p.left, t.retentionOf());
        _goTo(p.deliveredAt + t.retentionWindow);
        _mustNot(_release(0));
        _goTo(clock + 1);
        _must(_release(0));
        vm.assertEq(p.token.balanceOf(address(p.clone)), 0);
    }

    function testFuzz_aSilentCustomerLosesNoMoreThanTheCeiling(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        for (uint256 lane = 0; lane < 8; ++lane) {
            _claim(0, lane, t.whoOf(lane) == Witnessed.Attestor ? Flaw.None : Flaw.WrongSigner);
        }
        _goTo(_lastDelivery(t) + 1);
        _must(_refund(0));
        vm.assertLe((t.amount - _paid(p, t.payer)) * 10_000, uint256(SELF_ATTESTED_BPS) * t.amount);
    }

    // ── ways out ─────────────────────────────────────────────────────────────────────────────────

    function testFuzz_noRefundBeforeTheGraceEnds(uint256 seed) external {
        (, Terms memory t) = _agreed(seed);
        _goTo(clock + _roll(_lastDelivery(t) - clock + 1));
        _mustNot(_refund(0));
        _goTo(_lastDelivery(t));
        _mustNot(_refund(0));
        _goTo(clock + 1);
        _mustNot(_deliverByCarrier(0, Doubt.None));
        _must(_refund(0));
    }

    function testFuzz_aCancellationCostsNoMoreThanSigned(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _must(_claim(0, INSPECTION, Flaw.None));
        uint256 costs = _cancelCosts(p, t);
        if (costs != 0) _mustNot(_cancel(0, costs - 1, Doubt.None));
        _must(_cancel(0, costs, Doubt.None));
        vm.assertEq(_paid(p, t.payer), t.amount - costs);
    }

    /// @dev The lane that ends the right is claimed, and contested all the same.
    function testFuzz_noCancellationOnceItsMilestoneIsClaimed(uint256 seed) external {
        (, Terms memory t) = _agreed(seed);
        _must(_claim(0, MACHINE, Flaw.None));
        if (_oneIn(2)) _must(_contest(0, MACHINE, Doubt.None));
        _mustNot(_cancel(0, t.amount, Doubt.None));
    }

    // ── disputes ─────────────────────────────────────────────────────────────────────────────────

    function testFuzz_aDisputeFreezesEverything(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _must(_claim(0, MACHINE, Flaw.None));
        _goTo(clock + t.contestWindow);
        _must(_dispute(0, Party.Payer, t.payer, Doubt.None));
        _goTo(clock + t.arbiterWindow);
        _mustNot(_withdraw(0, Party.Payee));
        _mustNot(_contest(0, MACHINE, Doubt.None));
        _mustNot(_approve(0, SHIPPING, Doubt.None));
        _mustNot(_revoke(0, Doubt.None));
        _mustNot(_cancel(0, t.amount, Doubt.None));
        _mustNot(_timeout(0));
        _goTo(_lastDelivery(t) + t.arbiterWindow + 1);
        _mustNot(_refund(0));
        _must(_timeout(0));
        vm.assertEq(_paid(p, t.payer), t.amount - t.advanceOf(), "silence before a delivery pays the payee");
    }

    function testFuzz_noDisputeAfterItsTime(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        if (_oneIn(3)) {
            _goTo(_lastDelivery(t) + 1);
        } else {
            _must(_deliverByCarrier(0, Doubt.None));
            bool accepted = _oneIn(2);
            if (accepted) _must(_accept(0, Doubt.None));
            _goTo(p.deliveredAt + (accepted ? t.retentionWindow : t.acceptWindow) + 1);
        }
        _mustNot(_dispute(0, Party.Payer, t.payer, Doubt.None));
    }

    function testFuzz_theArbiterIsBoundToItsWindow(uint256 seed) external {
        (, Terms memory t) = _agreed(seed);
        _must(_dispute(0, Party.Payee, t.payee, Doubt.None));
        uint256 last = clock + t.arbiterWindow;
        if (_oneIn(2)) {
            _goTo(last);
            _mustNot(_timeout(0));
            _must(_resolve(0, _roll(10_001), Doubt.None));
        } else {
            _goTo(last + 1);
            _mustNot(_resolve(0, _roll(10_001), Doubt.None));
            _must(_timeout(0));
        }
    }

    function testFuzz_silenceAfterALateDeliveryPaysThePenaltyFirst(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _goTo(t.deliverBy + 1 + _roll(t.grace));
        _must(_deliverByCarrier(0, Doubt.None));
        uint256 penalty = Arithmetic.min(t.penaltyOf(clock), p.left);
        _must(_dispute(0, Party.Payer, t.payer, Doubt.None));
        _goTo(clock + t.arbiterWindow + 1);
        _must(_timeout(0));
        vm.assertGe(_paid(p, t.payer), penalty);
    }

    /// @dev The handover is another question: what the arbiter signed before it is no answer.
    function testFuzz_aHandoverRestartsTheArbitersTime(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _must(_dispute(0, Party.Payer, t.payer, Doubt.None));
        Consent memory early = _action(p.id, t.arbiter, RESOLVE, bytes32(p.disputedAt << 16), Doubt.None);
        uint256 last = Arithmetic.min(clock + t.arbiterWindow, _lastDelivery(t));
        _goTo(last);
        _must(_deliverByCarrier(0, Doubt.None));
        if (early.written.signature.length != 0) {
            early.written.deadline = clock;
            _refused(p, relayer, abi.encodeCall(IAgreement.resolve, (t, 0, early.written)));
        }
        _goTo(last + t.arbiterWindow);
        _mustNot(_timeout(0));
        _must(_resolve(0, 10_000, Doubt.None));
    }

    // ── openings ─────────────────────────────────────────────────────────────────────────────────

    function testFuzz_thePriceIsPulledOnce(uint256 seed) external {
        _seed(seed);
        Terms memory t = _draftDelivery(2);
        t.payer = customers[1]; // signs a permit over exactly its price
        Entry[] memory entries = new Entry[](3);
        entries[0] = _entry(t, relayer);
        entries[0].permit = _permit(t, t.amount);
        for (uint256 i = 1; i < 3; ++i) {
            entries[i] = _entry(_draftSupply(t, _idOf(t)), relayer);
        }
        _must(_openBatch(entries, relayer));
        SwitchToken token = SwitchToken(t.token);
        vm.assertEq(token.sent(t.payer), t.amount);
        vm.assertEq(token.allowance(t.payer, address(factory)), 0);
        uint256 supplied = entries[1].terms.amount + entries[2].terms.amount;
        uint256 sponsored = Arithmetic.min(_netAdvance(t), supplied);
        vm.assertEq(token.sent(t.payee), supplied - sponsored);
        vm.assertEq(token.flow(t.payer, t.payee), _netAdvance(t) - sponsored);
        vm.assertEq(token.received(address(factory)), 0);
    }

    function testFuzz_badTermsAreRefused(uint256 seed) external {
        _seed(seed);
        for (uint256 slip = 0; slip < SLIPS_OF_TERMS; ++slip) {
            _openBadTerms(slip);
        }
    }

    function testFuzz_aSupplyBelongsToItsDelivery(uint256 seed) external {
        _seed(seed);
        for (uint256 slip = 0; slip < SLIPS_OF_BATCH; ++slip) {
            _openBadBatch(slip);
        }
    }

    function testFuzz_aLaterSupplyBelongsToAnOpenDelivery(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        Terms[] memory lineage = new Terms[](1);
        lineage[0] = t;
        _must(_openSupply(_entry(_draftSupply(t, p.id), relayer), lineage, true, relayer));
        // One that has nothing to do with the delivery at the end of the line.
        Terms memory other = _draftDelivery(0);
        Terms[] memory line = new Terms[](2);
        (line[0], line[1]) = (other, t);
        _mustNot(_openSupply(_entry(_draftSupply(t, _idOf(other)), relayer), line, false, relayer));
        uint256 way = _roll(3);
        if (way == 0) _must(_revoke(0, Doubt.None));
        if (way == 1) _must(_dispute(0, Party.Payer, t.payer, Doubt.None));
        if (way == 2) _goTo(_lastDelivery(t) + 1);
        _mustNot(_openSupply(_entry(_draftSupply(t, p.id), relayer), lineage, false, relayer));
    }

    function testFuzz_bothSignedWhatOpens(uint256 seed) external {
        _seed(seed);
        for (uint256 slip = 0; slip < SLIPS_OF_SIGNING; ++slip) {
            _openUnsigned(slip);
        }
        _openWithTokenFee();
        _openWithin();
    }

    function testFuzz_nothingOpensTwice(uint256 seed) external {
        _agreed(seed);
        _openAgain(0);
    }

    // ── novations ────────────────────────────────────────────────────────────────────────────────

    /// @dev What the maker's own word has brought is not to be had again under new terms.
    function testFuzz_theCeilingDoesNotRestart(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        _must(_claim(0, MACHINE, Flaw.None));
        _goTo(clock + t.contestWindow + 1);
        Terms memory next = _successor(p, t, uint96(p.left - t.shareOf(MACHINE)));
        next.milestones = _pack(MACHINE, 1 + _roll(2_999), 600, Witnessed.Attestor);
        if (next.shareOf(MACHINE) == 0) return;
        _mustNot(_replace(next));
        next.milestones = _pack(MACHINE, 2_000, 600, Witnessed.Both);
        _must(_replace(next));
    }

    /// @dev Whoever has seen the secret once must not end the successor with it.
    function testFuzz_aSuccessorNeedsASecretOfItsOwn(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        if (t.handover == 0) return;
        Terms memory next = _successor(p, t, uint96(p.left));
        next.handover = t.handover;
        Novation memory n = _novation(next);
        n.fits = false;
        _mustNot(_novate(0, n));
    }

    function testFuzz_aSuccessorCarriesWhatThePayerSigned(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        Novation memory n = _novation(_successor(p, t, uint96(p.left)));
        n.least = p.left + 1;
        _mustNot(_novate(0, n));
        n.least = p.left;
        _must(_novate(0, n));
    }

    /// @dev What the payee signed before the handover is no leave to take it back.
    function testFuzz_afterTheHandoverThePayeeAgreesAgain(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        Terms memory next = _successor(p, t, uint96(p.left));
        _must(_deliverByCarrier(0, Doubt.None));
        Novation memory n = _novation(next);
        n.fits = false;
        _mustNot(_novate(0, n));
        n.payee = _action(_idOf(next), t.payee, NOVATE, bytes32(uint256(State.Open)), Doubt.None).written;
        if (n.payee.signature.length != 0) _mustNot(_novate(0, n));
    }

    function testFuzz_theSurplusReturnsToThePayer(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        uint96 price = t.unit * uint96(1 + _roll(p.left / t.unit));
        uint256 left = p.left;
        Terms memory next = _successor(p, t, price);
        next.milestones = 0;
        _must(_replace(next));
        vm.assertEq(_paid(p, t.payer), left - price);
        vm.assertEq(p.token.balanceOf(p.successor), price);
        vm.assertEq(p.token.balanceOf(address(p.clone)), 0);
    }

    /// @dev A token that calls the successor while it is being paid for: the money comes all the same.
    function testFuzz_aSuccessorIsWholeHoweverEarlyItIsCalled(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        Terms memory next = _successor(p, t, uint96(p.left) - t.unit);
        next.milestones = 0;
        Authorisation memory payer = _signedSplit(_idOf(next), t.payer);
        Authorisation memory payee = _signedSplit(_idOf(next), t.payee);
        p.token.arm(factory.addressOf(next), abi.encodeCall(IAgreement.split, (next, 5_000, payer, payee)));
        Novation memory n = _novation(next);
        bytes memory data = abi.encodeCall(factory.novate, (t, n.entries, n.least, n.payer, n.payee));
        vm.prank(n.sender);
        (bool done,) = address(factory).call(data);
        IAgreement clone = IAgreement(factory.addressOf(next));
        vm.assertTrue(done && p.token.entered(), "the call came too late to show anything");
        clone.withdraw(next, Party.Payee);
        clone.withdraw(next, Party.Payer);
        // The fee may be less than a cent, and then there is none to withdraw.
        if (clone.books(next).feeDue != 0) clone.withdraw(next, Party.FeeReceiver);
        vm.assertEq(p.token.sent(address(clone)), next.amount);
        vm.assertEq(p.token.balanceOf(address(clone)), 0);
    }

    /// @dev What a novation calls is for the factory alone, whoever asks and whatever the money is wanted for.
    function testFuzz_nobodyCarriesTheRestAway(uint256 seed) external {
        (Page storage p, Terms memory t) = _agreed(seed);
        address[5] memory thieves = [stranger, t.payer, t.payee, t.arbiter, fees];
        for (uint256 i = 0; i < 5; ++i) {
            bytes memory data = abi.encodeCall(IAgreement.succeed, (t, bytes32(i), thieves[i], _roll(p.left + 1)));
            _refused(p, thieves[i], data);
        }
        _compareFlows(p.token);
        _compareBooks(p, t);
    }

    // ── helpers ──────────────────────────────────────────────────────────────────────────────────

    function _must(bool done) private pure {
        vm.assertTrue(done, "the move was not made");
    }

    function _mustNot(bool done) private pure {
        vm.assertFalse(done, "the move was made");
    }

    /// @dev What a clone has sent to somebody.
    function _paid(Page storage p, address to) private view returns (uint256) {
        return p.token.flow(address(p.clone), to);
    }

    function _pack(uint256 lane, uint256 bps, uint256 code, Witnessed who) private pure returns (uint256) {
        return (bps << 18 | code << 2 | uint256(who)) << (32 * lane);
    }

    /// @dev An open delivery with a lane of every kind, any price and any rates.
    function _agreed(uint256 seed) private returns (Page storage p, Terms memory t) {
        _seed(seed);
        t = _draftDelivery(0);
        t.payer = customers[0];
        (t.witness, t.carrier) = (witness, carrier);
        t.milestones = _pack(ADVANCE, 1_000, Arithmetic.OPENED, Witnessed.Attestor)
            | _pack(MACHINE, 2_000, 600, Witnessed.Attestor) | _pack(INSPECTION, 1_500, 400, Witnessed.Both)
            | _pack(SHIPPING, 500, 700, Witnessed.Payer) | _pack(7, 1_000, Arithmetic.RETAINED, Witnessed.Attestor);
        // Enough for a whole unit of each share, and for every clock to end before the last second of a delivery.
        (t.amount, t.cancelUntil) = (t.amount + 1_000 * t.unit, uint8(MACHINE));
        (t.deliverBy, t.grace) = (t.deliverBy + 30 days, t.grace + 1 days);
        _open(t);
        p = pages[0];
    }

    function _open(Terms memory t) private {
        Entry memory entry = _entry(t, relayer);
        entry.permit = _permit(t, t.amount);
        _must(_openLone(entry, relayer));
    }

    function _successor(Page storage p, Terms memory t, uint96 price) private returns (Terms memory next) {
        (next.kind, next.payer, next.payee) = (t.kind, t.payer, t.payee);
        (next.token, next.unit, next.replaces, next.amount) = (t.token, t.unit, p.id, price);
        _draftRest(next, 0, false);
        next.cancelUntil = NEVER;
    }

    function _novation(Terms memory next) private returns (Novation memory n) {
        n.entries = new Entry[](1);
        n.entries[0] = _entry(next, relayer);
        (n.sender, n.fits) = (next.payer, true);
    }

    function _signedSplit(bytes32 id, address who) private view returns (Authorisation memory) {
        return Authorisation(clock, _signHere(who, _splitHash(id, 5_000, clock)));
    }

    function _replace(Terms memory next) private returns (bool) {
        return _novate(0, _novation(next));
    }
}
