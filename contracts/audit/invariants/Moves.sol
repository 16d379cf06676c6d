// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAgreement} from "../../src/interfaces/IAgreement.sol";
import {Authorisation, Evidence, Party, State, Terms, Witnessed} from "../../src/types/AgreementTypes.sol";
import {Arithmetic} from "./Arithmetic.sol";
import {Scene} from "./Scene.sol";

/// @title Every move of an agreement: whether the rules allow it now, and what it then does to the ghost ledger.
/// @dev Each `_move` calls the contract, insists that it allows just what the rules allow, and compares all money and
/// the books afterwards.
abstract contract Moves is Scene {
    using Arithmetic for Terms;

    uint8 internal constant ACCEPT = 1;
    uint8 internal constant CONTEST = 2;
    uint8 internal constant APPROVE = 3;
    uint8 internal constant CANCEL = 4;
    uint8 internal constant DISPUTE = 5;
    uint8 internal constant DELIVERED = 6;
    uint8 internal constant REVOKE = 7;
    uint8 internal constant RESOLVE = 8;
    uint8 internal constant NOVATE = 9;

    /// @dev What is wrong with a consent.
    enum Doubt {
        None,
        WrongSender,
        WrongSigner,
        WrongText,
        Expired,
        OtherChain,
        Twin,
        Garbage
    }

    /// @dev What is wrong with a piece of evidence.
    enum Flaw {
        None,
        ForeignAgreement,
        ForeignProduct,
        ForeignEvent,
        OtherTime,
        WrongSigner,
        BrokenProof,
        WrongCount,
        WrongOrder
    }

    struct Consent {
        Authorisation written;
        address sender;
        bool valid;
    }

    // ── consents ─────────────────────────────────────────────────────────────────────────────────

    function _action(bytes32 id, address party, uint8 what, bytes32 data, Doubt doubt)
        internal
        returns (Consent memory)
    {
        uint256 deadline = _deadline(doubt);
        bytes32 good = _actionHash(id, what, data, deadline);
        bytes32 bad = [
            _actionHash(keccak256(abi.encode(id)), what, data, deadline),
            _actionHash(id, what % NOVATE + 1, data, deadline),
            _actionHash(id, what, bytes32(uint256(data) ^ 1), deadline),
            _actionHash(id, what, data, deadline + 1)
        ][_roll(4)];
        return _pen(party, good, bad, deadline, doubt);
    }

    function _splitConsent(bytes32 id, address party, uint256 payeeBps, Doubt doubt)
        internal
        returns (Consent memory)
    {
        uint256 deadline = _deadline(doubt);
        bytes32 good = _splitHash(id, payeeBps, deadline);
        bytes32 bad = [
            _splitHash(keccak256(abi.encode(id)), payeeBps, deadline),
            _splitHash(id, payeeBps ^ 1, deadline),
            _splitHash(id, payeeBps, deadline + 1),
            _actionHash(id, RESOLVE, bytes32(payeeBps), deadline)
        ][_roll(4)];
        return _pen(party, good, bad, deadline, doubt);
    }

    /// @dev Often the very second in which the consent is used: the last in which it counts.
    function _deadline(Doubt doubt) private returns (uint256) {
        if (doubt == Doubt.Expired) return clock - 1;
        return _oneIn(2) ? clock : clock + _roll(1 days);
    }

    /// @dev The party sends itself, or anybody sends what it signed; a party that does not exist can do neither.
    function _pen(address party, bytes32 good, bytes32 bad, uint256 deadline, Doubt doubt)
        private
        returns (Consent memory c)
    {
        (c.sender, c.written.deadline) = (relayer, deadline);
        c.valid = doubt == Doubt.None && party != address(0);
        address signer = doubt == Doubt.WrongSigner || party == address(0) ? _bystander(party) : party;
        if (doubt == Doubt.WrongSender) {
            c.sender = _bystander(party);
        } else if (doubt == Doubt.None && party != address(0) && _oneIn(2)) {
            c.sender = party;
        } else if (doubt == Doubt.Garbage) {
            c.written.signature = new bytes(64 + _roll(3));
        } else if (doubt == Doubt.OtherChain) {
            c.written.signature = _signElsewhere(signer, good);
        } else if (doubt == Doubt.Twin) {
            c.written.signature = _signTwin(signer, good);
        } else {
            c.written.signature = _signHere(signer, doubt == Doubt.WrongText ? bad : good);
        }
    }

    /// @dev Somebody of the story who is not this one.
    function _bystander(address one) private returns (address who) {
        who = [stranger, relayer, customers[0], makers[0], suppliers[0], arbiters[0], attestors[0], carrier][_roll(8)];
        if (who == one) who = stranger;
    }

    function _evidenceFor(Page storage p, Terms memory t, uint256 lane, Flaw flaw)
        internal
        returns (Evidence[] memory evidence)
    {
        Witnessed by = lane < 8 ? t.whoOf(lane) : Witnessed.Attestor;
        bool two = by == Witnessed.Both;
        evidence = new Evidence[](flaw == Flaw.WrongCount ? (two ? 1 : 2) : (two ? 2 : 1));
        for (uint256 i = 0; i < evidence.length; ++i) {
            bool byWitness = by == Witnessed.Witness || i == 1;
            if (flaw == Flaw.WrongOrder && two) byWitness = !byWitness;
            address signer = byWitness ? t.witness : t.attestor;
            // With two it is enough that the last one is flawed.
            evidence[i] = _piece(p, t, lane, signer, i + 1 == evidence.length ? flaw : Flaw.None);
        }
    }

    function _piece(Page storage p, Terms memory t, uint256 lane, address signer, Flaw flaw)
        private
        returns (Evidence memory evidence)
    {
        bytes32 id = flaw == Flaw.ForeignAgreement ? pages[_roll(pages.length)].id : p.id;
        if (id == p.id && flaw == Flaw.ForeignAgreement) id = bytes32(0);
        bytes32 specHash = flaw == Flaw.ForeignProduct ? bytes32(uint256(t.specHash) + 1) : t.specHash;
        uint16 code = lane < 8 ? t.codeOf(lane) : 0;
        if (flaw == Flaw.ForeignEvent) ++code;
        if (flaw == Flaw.WrongSigner) signer = _bystander(signer);
        evidence = _evidence(signer, id, specHash, code, _roll(4));
        if (flaw == Flaw.OtherTime) ++evidence.at;
        if (flaw == Flaw.BrokenProof) evidence.proof = new bytes32[](evidence.proof.length + 1);
    }

    // ── the frame ────────────────────────────────────────────────────────────────────────────────

    /// @dev What the token does in the middle of a transfer: nothing, a stranger's move, or the very call again.
    uint256 private constant NO_INTRUSION = 0;
    uint256 private constant REPLAY = 8;
    uint256 private _intrusion;

    /// @dev Calls the clone and insists on what the rules say; now and then with foreign terms first, or with a token
    /// that calls back.
    function _attempt(Page storage p, address sender, bytes memory data, bool allowed) private returns (bool done) {
        if (_oneIn(8)) _refused(p, sender, _withForeignTerms(data));
        _intrusion = _oneIn(4) ? 1 + _roll(REPLAY) : NO_INTRUSION;
        if (_intrusion != NO_INTRUSION) p.token.arm(address(p.clone), _intruder(p, data));
        bytes memory answer;
        vm.prank(sender);
        (done, answer) = address(p.clone).call{gas: AMPLE_GAS}(data);
        _judge(data, done, allowed, answer);
        if (done) return true;
        p.token.arm(address(0), "");
        _compareFlows(p.token);
    }

    function _refused(Page storage p, address sender, bytes memory data) internal {
        vm.prank(sender);
        (bool done, bytes memory answer) = address(p.clone).call(data);
        _judge(data, done, false, answer);
    }

    /// @dev One bit of one of the 30 words of the terms is another one.
    function _withForeignTerms(bytes memory data) private returns (bytes memory wrong) {
        wrong = abi.encodePacked(data);
        uint256 at = 4 + 32 * _roll(30) + 31;
        wrong[at] = bytes1(uint8(wrong[at]) ^ 1);
    }

    /// @dev The move was allowed and its effect is in the ledger: pays, compares; the same call never works twice.
    function _finish(Page storage p, Terms memory t, address sender, bytes memory data) private {
        bool intruded = p.token.fired() && _intrusion != NO_INTRUSION;
        bool allowed = intruded && _mayIntrude(p, t);
        if (intruded && p.token.entered() != allowed) revert WrongIntrusion(_intrusion, allowed);
        _payOut(p, t);
        if (allowed) {
            _intrude(p, t);
            _payOut(p, t);
        }
        p.token.arm(address(0), "");
        _compareFlows(p.token);
        _compareBooks(p, t);
        p.touched = true;
        if (_oneIn(8)) _refused(p, sender, data);
    }

    function _intruder(Page storage p, bytes memory data) private view returns (bytes memory) {
        if (_intrusion == 1) return abi.encodeCall(IAgreement.refund, (p.terms));
        if (_intrusion == 2) return abi.encodeCall(IAgreement.finalise, (p.terms));
        if (_intrusion == 3) return abi.encodeCall(IAgreement.release, (p.terms));
        if (_intrusion == 4) return abi.encodeCall(IAgreement.timeout, (p.terms));
        if (_intrusion == REPLAY) return data;
        return abi.encodeCall(IAgreement.withdraw, (p.terms, Party(_intrusion - 5)));
    }

    /// @dev Seen from the middle of the payments: all that the running move stores, it has stored.
    function _mayIntrude(Page storage p, Terms memory t) private view returns (bool) {
        if (_intrusion == 1) return _mayRefund(p, t);
        if (_intrusion == 2) return _mayFinalise(p, t);
        if (_intrusion == 3) return _mayRelease(p, t);
        if (_intrusion == 4) return _mayTimeout(p, t);
        return _intrusion != REPLAY && _mayWithdraw(p, t, Party(_intrusion - 5));
    }

    function _intrude(Page storage p, Terms memory t) private {
        if (_intrusion == 1) _repay(p, t);
        else if (_intrusion == 2) _settle(p, t);
        else if (_intrusion == 3) _releaseRest(p, t);
        else if (_intrusion == 4) _silence(p, t);
        else _takeDue(p, t, Party(_intrusion - 5));
    }

    // ── the work ─────────────────────────────────────────────────────────────────────────────────

    function _mayClaim(Page storage p, Terms memory t, uint256 lane) internal view returns (bool) {
        return p.state == State.Open && clock <= _lastDelivery(t) && t.isWork(lane)
            && t.whoOf(lane) != Witnessed.Payer && p.claimed[lane] == 0 && !_has(p.paid, lane);
    }

    function _claim(uint256 index, uint256 lane, Flaw flaw) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        // One signer's two leaves cannot stand in the wrong order.
        bool sound = flaw == Flaw.None || (flaw == Flaw.WrongOrder && t.whoOf(lane) != Witnessed.Both);
        bytes memory data = abi.encodeCall(IAgreement.claim, (t, lane, _evidenceFor(p, t, lane, flaw)));
        if (!_attempt(p, relayer, data, sound && _mayClaim(p, t, lane))) return false;
        _sweep(p, t);
        p.claimed[lane] = clock;
        _finish(p, t, relayer, data);
        return true;
    }

    function _mayContest(Page storage p, Terms memory t, uint256 lane) internal view returns (bool) {
        return (p.state == State.Open || p.state == State.Delivered) && t.isWork(lane) && _isPending(p, lane)
            && clock <= p.claimed[lane] + t.contestWindow;
    }

    function _contest(uint256 index, uint256 lane, Doubt doubt) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        Consent memory c = _action(p.id, t.payer, CONTEST, bytes32(lane), doubt);
        bytes memory data = abi.encodeCall(IAgreement.contest, (t, lane, c.written));
        if (!_attempt(p, c.sender, data, c.valid && _mayContest(p, t, lane))) return false;
        _sweep(p, t);
        p.contested |= 1 << lane;
        _finish(p, t, c.sender, data);
        return true;
    }

    function _mayApprove(Page storage p, Terms memory t, uint256 lane) internal view returns (bool) {
        return p.state == State.Open && clock <= _lastDelivery(t) && t.isWork(lane) && !_has(p.paid, lane)
            && !_isMature(p, t, lane);
    }

    function _approve(uint256 index, uint256 lane, Doubt doubt) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        Consent memory c = _action(p.id, t.payer, APPROVE, bytes32(lane), doubt);
        bytes memory data = abi.encodeCall(IAgreement.approve, (t, lane, c.written));
        if (!_attempt(p, c.sender, data, c.valid && _mayApprove(p, t, lane))) return false;
        _sweep(p, t);
        _earnLane(p, t, lane);
        _finish(p, t, c.sender, data);
        return true;
    }

    // ── the handover ─────────────────────────────────────────────────────────────────────────────

    function _mayDeliver(Page storage p, Terms memory t) internal view returns (bool) {
        if (clock > _lastDelivery(t)) return false;
        if (p.state == State.Open) return true;
        return p.state == State.Disputed && p.disputedIn == State.Open && clock <= p.disputedAt + t.arbiterWindow;
    }

    function _deliverBySecret(uint256 index, bytes32 secret) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        bytes memory data = abi.encodeCall(IAgreement.deliveredBySecret, (t, secret));
        bool allowed = t.handover == keccak256(abi.encodePacked(secret)) && _mayDeliver(p, t);
        if (!_attempt(p, stranger, data, allowed)) return false;
        _handOver(p, t);
        _finish(p, t, stranger, data);
        return true;
    }

    function _deliverByCarrier(uint256 index, Doubt doubt) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        Consent memory c = _action(p.id, t.carrier, DELIVERED, 0, doubt);
        bytes memory data = abi.encodeCall(IAgreement.deliveredByCarrier, (t, c.written));
        if (!_attempt(p, c.sender, data, c.valid && _mayDeliver(p, t))) return false;
        _handOver(p, t);
        _finish(p, t, c.sender, data);
        return true;
    }

    function _handOver(Page storage p, Terms memory t) private {
        _sweep(p, t);
        p.deliveredAt = clock;
        if (p.state == State.Disputed) (p.disputedAt, p.disputedIn) = (clock, State.Delivered);
        else p.state = State.Delivered;
    }

    function _accept(uint256 index, Doubt doubt) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        Consent memory c = _action(p.id, t.payer, ACCEPT, 0, doubt);
        bytes memory data = abi.encodeCall(IAgreement.accept, (t, c.written));
        if (!_attempt(p, c.sender, data, c.valid && p.state == State.Delivered)) return false;
        _settle(p, t);
        _finish(p, t, c.sender, data);
        return true;
    }

    function _mayFinalise(Page storage p, Terms memory t) internal view returns (bool) {
        return p.state == State.Delivered && clock > p.deliveredAt + t.acceptWindow;
    }

    function _finalise(uint256 index) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        bytes memory data = abi.encodeCall(IAgreement.finalise, (t));
        if (!_attempt(p, stranger, data, _mayFinalise(p, t))) return false;
        _settle(p, t);
        _finish(p, t, stranger, data);
        return true;
    }

    /// @dev Lateness first, then what is kept back, and all the rest to the payee.
    function _settle(Page storage p, Terms memory t) private {
        _sweep(p, t);
        p.penalty = Arithmetic.min(t.penaltyOf(p.deliveredAt), p.left);
        _return(p, p.penalty);
        uint256 kept = Arithmetic.min(t.retentionOf(), p.left);
        _earn(p, t, p.left - kept);
        if (kept == 0) _end(p, State.Settled);
        else p.state = State.Retained;
    }

    function _mayRelease(Page storage p, Terms memory t) internal view returns (bool) {
        return p.state == State.Retained && clock > p.deliveredAt + t.retentionWindow;
    }

    function _release(uint256 index) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        bytes memory data = abi.encodeCall(IAgreement.release, (t));
        if (!_attempt(p, stranger, data, _mayRelease(p, t))) return false;
        _releaseRest(p, t);
        _finish(p, t, stranger, data);
        return true;
    }

    function _releaseRest(Page storage p, Terms memory t) private {
        _earn(p, t, p.left);
        _end(p, State.Settled);
    }

    // ── the ways out ─────────────────────────────────────────────────────────────────────────────

    function _mayRefund(Page storage p, Terms memory t) internal view returns (bool) {
        return p.state == State.Open && clock > _lastDelivery(t);
    }

    function _refund(uint256 index) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        bytes memory data = abi.encodeCall(IAgreement.refund, (t));
        if (!_attempt(p, stranger, data, _mayRefund(p, t))) return false;
        _repay(p, t);
        _finish(p, t, stranger, data);
        return true;
    }

    function _repay(Page storage p, Terms memory t) private {
        _sweep(p, t);
        _return(p, p.left);
        _end(p, State.Refunded);
    }

    function _mayRevoke(Page storage p, Terms memory t) internal view returns (bool) {
        return p.state == State.Open && clock <= _lastDelivery(t);
    }

    function _revoke(uint256 index, Doubt doubt) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        Consent memory c = _action(p.id, t.payee, REVOKE, 0, doubt);
        bytes memory data = abi.encodeCall(IAgreement.revoke, (t, c.written));
        if (!_attempt(p, c.sender, data, c.valid && _mayRevoke(p, t))) return false;
        _repay(p, t);
        _finish(p, t, c.sender, data);
        return true;
    }

    function _mayCancel(Page storage p, Terms memory t) internal view returns (bool) {
        uint256 until = t.cancelUntil;
        return _mayRevoke(p, t) && until < 8 && p.claimed[until] == 0 && !_has(p.paid, until);
    }

    /// @dev What of the whole price payee and fee have in the end if the payer cancels now.
    function _cancelCosts(Page storage p, Terms memory t) internal view returns (uint256) {
        uint256 rest = p.left;
        for (uint256 i = 0; i < 8; ++i) {
            if (_isPending(p, i)) rest -= t.shareOf(i);
        }
        return t.amount - (rest - t.part(rest, t.cancelBps));
    }

    function _cancel(uint256 index, uint256 most, Doubt doubt) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        Consent memory c = _action(p.id, t.payer, CANCEL, bytes32(most), doubt);
        bytes memory data = abi.encodeCall(IAgreement.cancel, (t, most, c.written));
        bool allowed = c.valid && _mayCancel(p, t) && _cancelCosts(p, t) <= most;
        if (!_attempt(p, c.sender, data, allowed)) return false;
        _sweep(p, t);
        for (uint256 i = 0; i < 8; ++i) {
            if (_isPending(p, i)) _earnLane(p, t, i);
        }
        _divide(p, t, t.cancelBps);
        _end(p, State.Refunded);
        _finish(p, t, c.sender, data);
        return true;
    }

    // ── disputes ─────────────────────────────────────────────────────────────────────────────────

    function _mayDispute(Page storage p, Terms memory t) internal view returns (bool) {
        if (p.state == State.Open) return clock <= _lastDelivery(t);
        if (p.state == State.Delivered) return clock <= p.deliveredAt + t.acceptWindow;
        return p.state == State.Retained && clock <= p.deliveredAt + t.retentionWindow;
    }

    function _dispute(uint256 index, Party named, address by, Doubt doubt) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        // The arbiter's silence means another thing in each state, so the party names the one it disputes.
        Consent memory c = _action(p.id, by, DISPUTE, bytes32(uint256(p.state)), doubt);
        bytes memory data = abi.encodeCall(IAgreement.dispute, (t, named, c.written));
        // Before the delivery each party for itself, after it the payer alone.
        bool entitled = by == (named == Party.Payee && p.state == State.Open ? t.payee : t.payer);
        if (!_attempt(p, c.sender, data, c.valid && entitled && _mayDispute(p, t))) return false;
        _sweep(p, t);
        (p.disputedAt, p.disputedIn, p.state) = (clock, p.state, State.Disputed);
        _finish(p, t, c.sender, data);
        return true;
    }

    function _mayResolve(Page storage p, Terms memory t) internal view returns (bool) {
        return p.state == State.Disputed && clock <= p.disputedAt + t.arbiterWindow;
    }

    function _resolve(uint256 index, uint256 payeeBps, Doubt doubt) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        // A handover in between is another question: the arbiter answers the one that it was asked.
        Consent memory c = _action(p.id, t.arbiter, RESOLVE, bytes32(p.disputedAt << 16 | payeeBps), doubt);
        bytes memory data = abi.encodeCall(IAgreement.resolve, (t, payeeBps, c.written));
        if (!_attempt(p, c.sender, data, c.valid && payeeBps <= 10_000 && _mayResolve(p, t))) return false;
        _divide(p, t, payeeBps);
        _end(p, State.Resolved);
        _finish(p, t, c.sender, data);
        return true;
    }

    function _mayTimeout(Page storage p, Terms memory t) internal view returns (bool) {
        return p.state == State.Disputed && clock > p.disputedAt + t.arbiterWindow;
    }

    function _timeout(uint256 index) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        bytes memory data = abi.encodeCall(IAgreement.timeout, (t));
        if (!_attempt(p, stranger, data, _mayTimeout(p, t))) return false;
        _silence(p, t);
        _finish(p, t, stranger, data);
        return true;
    }

    /// @dev Nothing delivered: all to the payer. Delivered: lateness first, then the payee's part.
    function _silence(Page storage p, Terms memory t) private {
        if (p.disputedIn == State.Delivered) {
            p.penalty = Arithmetic.min(t.penaltyOf(p.deliveredAt), p.left);
            _return(p, p.penalty);
        }
        _divide(p, t, p.disputedIn == State.Open ? 0 : t.timeoutBps);
        _end(p, State.Resolved);
    }

    // ── both parties, and whoever waits for money ────────────────────────────────────────────────

    function _split(uint256 index, uint256 payeeBps, Doubt payer, Doubt payee) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        Consent memory c = _splitConsent(p.id, t.payer, payeeBps, payer);
        Consent memory d = _splitConsent(p.id, t.payee, payeeBps, payee);
        // Only one of them can be the sender.
        while (c.sender == t.payer && d.sender == t.payee) {
            d = _splitConsent(p.id, t.payee, payeeBps, payee);
        }
        bool valid = c.valid && d.valid;
        address sender = c.written.signature.length == 0 ? c.sender : d.sender;
        bytes memory data = abi.encodeCall(IAgreement.split, (t, payeeBps, c.written, d.written));
        if (!_attempt(p, sender, data, valid && payeeBps <= 10_000 && _isLive(p))) return false;
        _sweep(p, t);
        _divide(p, t, payeeBps);
        _end(p, State.Resolved);
        _finish(p, t, sender, data);
        return true;
    }

    function _mayWithdraw(Page storage p, Terms memory t, Party party) internal view returns (bool) {
        if (party == Party.Payer) return p.payerDue != 0 && _isWelcome(p.token, t.payer);
        // Fees wait for the end.
        if (party == Party.FeeReceiver) return p.feeDue != 0 && !_isLive(p) && _isWelcome(p.token, fees);
        (uint256 gross, uint256 fee) = _maturing(p, t);
        return p.payeeDue + gross - fee != 0 && _isWelcome(p.token, t.payee);
    }

    function _withdraw(uint256 index, Party party) internal returns (bool) {
        (Page storage p, Terms memory t) = (pages[index], pages[index].terms);
        bytes memory data = abi.encodeCall(IAgreement.withdraw, (t, party));
        if (!_attempt(p, stranger, data, _mayWithdraw(p, t, party))) return false;
        _takeDue(p, t, party);
        _finish(p, t, stranger, data);
        return true;
    }

    function _takeDue(Page storage p, Terms memory t, Party party) private {
        _sweep(p, t);
        if (party == Party.Payee) {
            p.toPayee += p.payeeDue;
            p.payeeDue = 0;
        } else if (party == Party.Payer) {
            p.toPayer += p.payerDue;
            p.payerDue = 0;
        } else {
            p.toFees += p.feeDue;
            p.feeDue = 0;
        }
    }
}
