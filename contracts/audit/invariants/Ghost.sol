// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAgreement} from "../../src/interfaces/IAgreement.sol";
import {Books, State, Terms} from "../../src/types/AgreementTypes.sol";
import {Arithmetic} from "./Arithmetic.sol";
import {People} from "./People.sol";
import {Mood, SwitchToken} from "./SwitchToken.sol";

/// @title The ghost ledger: what the rules say every agreement must hold and every person must have been sent.
/// @dev It never reads the contracts' books to decide anything, only to compare.
abstract contract Ghost is People {
    using Arithmetic for Terms;

    /// @dev One agreement. `paid` and `contested` have a bit a lane.
    struct Page {
        Terms terms;
        bytes32 id;
        IAgreement clone;
        SwitchToken token;
        uint256 before; // one more than the page that this one succeeds; 0 in a first agreement
        address successor;
        bool touched; // by the running call
        State state;
        State disputedIn;
        uint256 left;
        uint256 feeDue;
        uint256 payeeDue;
        uint256 payerDue;
        uint256 paid;
        uint256 contested;
        uint256[8] claimed;
        uint256 deliveredAt;
        uint256 disputedAt;
        // history
        uint256 donated;
        uint256 carried;
        uint256 penalty;
        uint256 selfPaid;
        // of the running move
        uint256 toPayee;
        uint256 toPayer;
        uint256 toFees;
    }

    struct Route {
        SwitchToken token;
        address from;
        address to;
    }

    /// @dev The token moved something else than the rules say.
    error WrongFlow(address from, address to, uint256 expected, uint256 actual);
    /// @dev Money moved on a route that the rules do not know.
    error UnknownFlow(uint256 expected, uint256 actual);
    /// @dev The contract's books say something else than the ghost's.
    error WrongBooks(string what, uint256 expected, uint256 actual);

    Page[] internal pages;
    uint256 internal clock;
    mapping(SwitchToken token => mapping(address from => mapping(address to => uint256))) private _flow;
    mapping(SwitchToken token => uint256) private _volume;
    Route[] private _routes;

    function _goTo(uint256 moment) internal {
        clock = moment;
        vm.warp(moment);
    }

    // ── clocks ───────────────────────────────────────────────────────────────────────────────────

    function _lastDelivery(Terms memory t) internal pure returns (uint256) {
        return uint256(t.deliverBy) + t.grace;
    }

    /// @dev Whether the claim on a lane is the payee's by now: nobody contested it while that was possible, and
    /// before a delivery the whole window lies before the last second of one.
    function _isMature(Page storage p, Terms memory t, uint256 lane) internal view returns (bool) {
        uint256 time = p.claimed[lane];
        if (time == 0 || _has(p.contested, lane) || _has(p.paid, lane)) return false;
        uint256 windowEnd = time + t.contestWindow;
        if (clock <= windowEnd) return false;
        return p.state == State.Delivered || (p.state == State.Open && windowEnd <= _lastDelivery(t));
    }

    function _isPending(Page storage p, uint256 lane) internal view returns (bool) {
        return p.claimed[lane] != 0 && !_has(p.contested, lane) && !_has(p.paid, lane);
    }

    function _isLive(Page storage p) internal view returns (bool) {
        return p.state <= State.Disputed;
    }

    function _has(uint256 bits, uint256 lane) internal pure returns (bool) {
        return bits & (1 << lane) != 0;
    }

    /// @dev What a sweep would pay now, fee included, and the fee in it.
    function _maturing(Page storage p, Terms memory t) internal view returns (uint256 gross, uint256 fee) {
        for (uint256 i = 0; i < 8; ++i) {
            if (!_isMature(p, t, i)) continue;
            gross += t.shareOf(i);
            fee += t.feeOf(t.shareOf(i));
        }
    }

    /// @dev What the attestor alone could still release after the sweep of this second.
    function _selfLeft(Page storage p, Terms memory t) internal view returns (uint256 sum) {
        for (uint256 i = 0; i < 8; ++i) {
            if (t.isSelfAttested(i) && !_has(p.paid, i) && !_isMature(p, t, i)) sum += t.shareOf(i);
        }
    }

    // ── effects of the rules on a page ───────────────────────────────────────────────────────────

    function _sweep(Page storage p, Terms memory t) internal {
        uint256 paid;
        for (uint256 i = 0; i < 8; ++i) {
            if (!_isMature(p, t, i)) continue;
            paid |= 1 << i;
            if (t.isSelfAttested(i)) p.selfPaid += t.shareOf(i);
            _earn(p, t, t.shareOf(i));
        }
        if (paid != 0) p.paid |= paid;
    }

    function _earnLane(Page storage p, Terms memory t, uint256 lane) internal {
        p.paid |= 1 << lane;
        _earn(p, t, t.shareOf(lane));
    }

    function _earn(Page storage p, Terms memory t, uint256 gross) internal {
        uint256 fee = t.feeOf(gross);
        p.left -= gross;
        p.feeDue += fee;
        p.toPayee += gross - fee;
    }

    function _return(Page storage p, uint256 amount) internal {
        p.left -= amount;
        p.toPayer += amount;
    }

    /// @dev All that is left: the payee's share in whole cents, the rest to the payer.
    function _divide(Page storage p, Terms memory t, uint256 payeeBps) internal {
        _earn(p, t, t.part(p.left, payeeBps));
        _return(p, p.left);
    }

    /// @dev The fees of the whole life are the fee receiver's.
    function _end(Page storage p, State state) internal {
        p.state = state;
        p.toFees = p.feeDue;
        p.feeDue = 0;
    }

    /// @dev Sends what the move has credited; what the token refuses stays due.
    function _payOut(Page storage p, Terms memory t) internal {
        (address clone, SwitchToken token) = (address(p.clone), p.token);
        if (_isWelcome(token, t.payee)) _expect(token, clone, t.payee, p.toPayee);
        else p.payeeDue += p.toPayee;
        if (_isWelcome(token, t.payer)) _expect(token, clone, t.payer, p.toPayer);
        else p.payerDue += p.toPayer;
        if (_isWelcome(token, fees)) _expect(token, clone, fees, p.toFees);
        else p.feeDue += p.toFees;
        (p.toPayee, p.toPayer, p.toFees) = (0, 0, 0);
    }

    function _isWelcome(SwitchToken token, address to) internal view returns (bool) {
        return token.moodTowards(to) == Mood.Plain;
    }

    // ── comparison ───────────────────────────────────────────────────────────────────────────────

    /// @dev The rules say that `amount` moves now.
    function _expect(SwitchToken token, address from, address to, uint256 amount) internal {
        if (amount == 0) return;
        _flow[token][from][to] += amount;
        _volume[token] += amount;
        _routes.push(Route(token, from, to));
    }

    /// @dev Exactly what the rules said has moved since the last comparison.
    function _compareFlows(SwitchToken token) internal {
        for (uint256 i = _routes.length; i > 0; --i) {
            Route memory route = _routes[i - 1];
            uint256 expected = _flow[route.token][route.from][route.to];
            uint256 actual = route.token.flow(route.from, route.to);
            if (actual != expected) revert WrongFlow(route.from, route.to, expected, actual);
            _routes.pop();
        }
        if (token.volume() != _volume[token]) revert UnknownFlow(_volume[token], token.volume());
    }

    function _compareBooks(Page storage p, Terms memory t) internal view {
        Books memory books = p.clone.books(t);
        _same("state", uint256(p.state), uint256(books.state));
        _same("left", p.left, books.left);
        _same("feeDue", p.feeDue, books.feeDue);
        _same("payeeDue", p.payeeDue, books.payeeDue);
        _same("payerDue", p.payerDue, books.payerDue);
        _same("released", p.paid, books.released);
        _same("deliveredAt", p.deliveredAt, books.deliveredAt);
        _same("disputedAt", p.disputedAt, books.disputedAt);
        _same("disputedIn", uint256(p.disputedIn), uint256(books.disputedIn));
        uint32[8] memory times = p.clone.claimedAt(t);
        for (uint256 i = 0; i < 8; ++i) {
            _same("claimedAt", _has(p.contested, i) ? type(uint32).max : p.claimed[i], times[i]);
        }
    }

    function _same(string memory what, uint256 expected, uint256 actual) internal pure {
        if (expected != actual) revert WrongBooks(what, expected, actual);
    }

    // ── the invariants, in the words of the rules ────────────────────────────────────────────────

    /// @dev Every invariant of one agreement, by the token's own flows and the contract's books.
    function _check(Page storage p, uint256 selfAttestedBps) internal view {
        Terms memory t = p.terms;
        Books memory books = p.clone.books(t);
        _checkConservation(p, t, books);
        _checkRoutes(p, t);
        _checkRates(p, t, books);
        _checkOwnWord(p, selfAttestedBps);
    }

    /// @dev Paid in = left + dues + paid out, in whole cents; the clone holds at least its books, and an ended one owes
    /// nothing but what the token refused to move.
    function _checkConservation(Page storage p, Terms memory t, Books memory books) private view {
        address clone = address(p.clone);
        uint256 held = uint256(books.left) + books.feeDue + books.payeeDue + books.payerDue;
        uint256 paidIn = t.amount - (t.advanceOf() - t.feeOf(t.advanceOf()));
        _same("paid in", paidIn + p.donated, p.token.received(clone));
        _same("paid in = held + paid out", paidIn, held + p.token.sent(clone));
        vm.assertGe(p.token.balanceOf(clone), held, "a clone holds less than its books");
        if (books.state > State.Disputed) _same("left at the end", 0, books.left);
        _same("broken cents to the payee", 0, p.token.flow(clone, t.payee) % t.unit);
        _same("broken cents to the payer", 0, p.token.flow(clone, t.payer) % t.unit);
        _same("broken cents left", 0, books.left % t.unit);
    }

    /// @dev Money reaches nobody but payee, payer, fee receiver and successor.
    function _checkRoutes(Page storage p, Terms memory t) private view {
        address clone = address(p.clone);
        uint256 known = p.token.flow(clone, t.payee) + p.token.flow(clone, t.payer) + p.token.flow(clone, fees);
        if (p.successor != address(0)) known += p.token.flow(clone, p.successor);
        _same("paid to strangers", 0, p.token.sent(clone) - known);
    }

    /// @dev The fee is at most its rate of what the payee earned; lateness at most its cap.
    function _checkRates(Page storage p, Terms memory t, Books memory books) private view {
        address clone = address(p.clone);
        uint256 fee = p.token.flow(clone, fees) + books.feeDue;
        uint256 advance = t.advanceOf() - t.feeOf(t.advanceOf());
        uint256 net = advance + p.token.flow(clone, t.payee) + books.payeeDue;
        vm.assertLe(fee * 10_000, t.feeBps * (net + fee), "the fee is above its rate");
        vm.assertLe(p.penalty * 10_000, uint256(t.penaltyCapBps) * t.amount, "the penalty is above its cap");
    }

    /// @dev With a silent payer the maker's own word brings it no more than the factory's ceiling of the first price,
    /// however often the terms are replaced.
    function _checkOwnWord(Page storage p, uint256 ceilingBps) private view {
        uint256 sum = p.selfPaid;
        Page storage first = p;
        while (first.before != 0) {
            first = pages[first.before - 1];
            sum += first.selfPaid;
        }
        vm.assertLe(sum * 10_000, ceilingBps * first.terms.amount, "the maker's own word brought too much");
    }
}
