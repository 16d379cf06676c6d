// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAgreement} from "../../src/interfaces/IAgreement.sol";
import {IAgreementFactory} from "../../src/interfaces/IAgreementFactory.sol";
import {Authorisation, Entry, Permit, State, Terms, Witnessed} from "../../src/types/AgreementTypes.sol";
import {Arithmetic} from "./Arithmetic.sol";
import {Ghost} from "./Ghost.sol";
import {SwitchToken} from "./SwitchToken.sol";

/// @dev The cheat codes that read and write files.
interface IFiles {
    function envOr(string calldata name, string calldata other) external view returns (string memory value);
    function getCode(string calldata path) external view returns (bytes memory code);
    function writeLine(string calldata path, string calldata line) external;
    function toString(bytes calldata value) external pure returns (string memory hexadecimal);
}

/// @title The contracts, random terms within the rules, and the three doors of the factory.
abstract contract Scene is Ghost {
    using Arithmetic for Terms;

    uint256 internal constant START = 1_900_000_000;
    uint16 internal constant SELF_ATTESTED_BPS = 3_000;
    uint16 internal constant FEE_CEILING_BPS = 1_000;
    uint8 internal constant DELIVERY = 1;
    uint8 internal constant SUPPLY = 2;
    uint8 internal constant NEVER = 255;
    /// @dev A limit, because the second opening of an id burns all that it is given.
    uint256 internal constant AMPLE_GAS = 15_000_000;

    /// @dev One call of `novate`. `fits`: all that was signed is in order.
    struct Novation {
        Entry[] entries;
        uint256 least;
        Authorisation payer;
        Authorisation payee;
        address sender;
        bool fits;
    }

    /// @dev A call succeeded that the rules refuse, or the other way round.
    error Disagreement(bytes4 move, bool allowed, bytes answer);
    /// @dev A call from within a transfer was let in although the rules refuse it, or the other way round.
    error WrongIntrusion(uint256 which, bool allowed);

    IAgreementFactory internal factory;
    SwitchToken[2] internal tokens;
    /// @dev How often a contract was called, and how often it refused as the rules foretold.
    uint256 internal asked;
    uint256 internal refused;
    uint256 private _dice;

    // ── set-up ───────────────────────────────────────────────────────────────────────────────────

    function _deploy() internal {
        _goTo(START);
        _gather();
        (tokens[0], tokens[1]) = (new SwitchToken(), new SwitchToken());
        address[] memory listed = new address[](2);
        (listed[0], listed[1]) = (address(tokens[0]), address(tokens[1]));
        // The implementations name the factory, so its address must be known before it exists: the third from here.
        uint64 nonce = vm.getNonce(address(this));
        address at = address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), uint8(nonce + 2))))));
        address delivery = _create("DeliveryAgreement", abi.encode(at, fees));
        address supply = _create("SupplyAgreement", abi.encode(at, fees));
        bytes memory parts = abi.encode(delivery, supply, fees, FEE_CEILING_BPS, SELF_ATTESTED_BPS, listed);
        factory = IAgreementFactory(_create("AgreementFactory", parts));
        assert(address(factory) == at);
        _setFactory(at);
        for (uint256 i = 0; i < 2; ++i) {
            _endow(tokens[i], customers[i]);
            _endow(tokens[i], customers[1 - i]);
            _endow(tokens[i], makers[i]);
            _endow(tokens[i], makers[1 - i]);
            tokens[i].mint(stranger, 1 ether);
        }
        // The second customer has no standing allowance: it signs permits.
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(customers[1]);
            tokens[i].approve(address(factory), 0);
        }
    }

    /// @dev From the committed artifacts, or from others where something is planted in them.
    function _create(string memory name, bytes memory arguments) private returns (address made) {
        IFiles files = IFiles(address(vm));
        string memory folder = files.envOr("ESCROW_ARTIFACTS", string("artifacts"));
        bytes memory code = files.getCode(string.concat(folder, "/", name, ".json"));
        code = abi.encodePacked(code, arguments);
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
        }
        vm.assertTrue(made != address(0), name);
    }

    function _endow(SwitchToken token, address who) private {
        token.mint(who, type(uint128).max);
        vm.prank(who);
        token.approve(address(factory), type(uint256).max);
    }

    // ── chance ───────────────────────────────────────────────────────────────────────────────────

    function _seed(uint256 seed) internal {
        _dice = seed;
    }

    /// @dev A number below `sides`.
    function _roll(uint256 sides) internal returns (uint256) {
        _dice = uint256(keccak256(abi.encode(_dice)));
        return _dice % sides;
    }

    function _oneIn(uint256 sides) internal returns (bool) {
        return _roll(sides) == 0;
    }

    // ── terms ────────────────────────────────────────────────────────────────────────────────────

    function _draftDelivery(uint256 supplies) internal returns (Terms memory t) {
        (t.kind, t.supplyCount) = (DELIVERY, uint8(supplies));
        (t.payer, t.payee) = (customers[_roll(2)], makers[_roll(2)]);
        t.token = address(tokens[_roll(2)]);
        t.unit = [uint96(1), 3, 100, 10_000][_roll(4)];
        _draftRest(t, type(uint128).max, true);
    }

    function _draftSupply(Terms memory delivery, bytes32 parent) internal returns (Terms memory t) {
        (t.kind, t.payer, t.payee) = (SUPPLY, delivery.payee, suppliers[_roll(2)]);
        (t.token, t.unit, t.parent) = (delivery.token, delivery.unit, parent);
        _draftRest(t, type(uint128).max, true);
    }

    /// @dev Everything but the parties, the money's kind and the place among other agreements. The attestor alone can
    /// release at most `ownWord`.
    function _draftRest(Terms memory t, uint256 ownWord, bool mayAdvance) internal {
        (t.attestor, t.arbiter) = (attestors[_roll(2)], arbiters[_roll(2)]);
        // The buyer's own goods-in gateway may be the witness.
        t.witness = _oneIn(3) && t.kind == DELIVERY ? t.payer : witness;
        if (t.amount == 0) t.amount = t.unit * uint96(1 + _roll(_oneIn(4) ? 30 : 50_000_000));
        _draftMilestones(t, Arithmetic.min(SELF_ATTESTED_BPS, ownWord * 10_000 / t.amount), mayAdvance);
        t.fundBy = uint40(clock + _roll(2 days));
        t.deliverBy = uint40(t.fundBy + _roll(20 days));
        t.grace = uint32(_oneIn(5) ? 0 : _roll(20 days));
        t.contestWindow = uint32(1 + _roll(6 days));
        t.acceptWindow = uint32(1 + _roll(6 days));
        t.retentionWindow = uint32(1 + _roll(20 days));
        t.arbiterWindow = uint32(1 + _roll(6 days));
        t.penaltyBpsPerDay = uint16(_roll(1_500));
        t.penaltyCapBps = uint16(_oneIn(4) ? 10_000 - _roll(500) : _roll(3_000));
        t.feeBps = uint16(_roll(FEE_CEILING_BPS + 1));
        t.cancelBps = uint16(_roll(10_001));
        t.timeoutBps = uint16(_oneIn(2) ? 10_000 : _roll(10_001));
        uint256 proof = _roll(3);
        if (proof != 0) t.carrier = carrier;
        t.specHash = bytes32(_roll(3));
        t.salt = bytes32(_roll(type(uint256).max));
        if (proof != 1) t.handover = keccak256(abi.encodePacked(_secretOf(t)));
    }

    /// @dev Every agreement has its own.
    function _secretOf(Terms memory t) internal pure returns (bytes32) {
        return keccak256(abi.encode("the recipient's secret", t.salt));
    }

    function _draftMilestones(Terms memory t, uint256 selfBps, bool mayAdvance) private {
        (uint256 rest, uint256 packed) = (10_000, 0);
        t.cancelUntil = NEVER;
        for (uint256 i = 0; i < 8; ++i) {
            uint256 kind = i == 0 && _oneIn(2) ? 4 : _roll(9);
            if (kind > 5) continue;
            uint256 code = 100 + i;
            if (kind > 3) {
                code = kind - 3;
                // The advance is the first lane; there is one retention.
                if (code == Arithmetic.OPENED && (i != 0 || !mayAdvance)) continue;
                if (t.laneOf(uint16(code)) != Arithmetic.NONE) continue;
                kind = uint256(Witnessed.Payer);
            }
            bool own = code == Arithmetic.OPENED || kind == uint256(Witnessed.Attestor);
            uint256 bps = _roll(1 + Arithmetic.min(own ? Arithmetic.min(selfBps, rest) : rest, 4_000));
            if (own) selfBps -= bps;
            rest -= bps;
            packed |= (bps << 18 | code << 2 | kind) << (32 * i);
            t.milestones = packed;
            if (_oneIn(2)) t.cancelUntil = uint8(i);
        }
    }

    // ── entries ──────────────────────────────────────────────────────────────────────────────────

    /// @dev Both signatures; the payer who sends needs none.
    function _entry(Terms memory t, address sender) internal returns (Entry memory entry) {
        bytes32 id = _idOf(t);
        entry.terms = t;
        if (t.payer != sender || _oneIn(2)) entry.payerSignature = _sign(t.payer, id);
        if (t.payee != sender || _oneIn(2)) entry.payeeSignature = _sign(t.payee, id);
    }

    /// @dev The payer allows the factory exactly `sum`. Now and then somebody else submits the permit first.
    function _permit(Terms memory t, uint256 sum) internal returns (Permit memory permit) {
        SwitchToken token = SwitchToken(t.token);
        if (token.allowance(t.payer, address(factory)) >= sum) return permit;
        (permit.value, permit.deadline) = (sum, clock);
        (permit.v, permit.r, permit.s) =
            _signPermit(t.payer, token.DOMAIN_SEPARATOR(), sum, token.nonces(t.payer), clock);
        if (_oneIn(4)) {
            token.permit(t.payer, address(factory), sum, permit.deadline, permit.v, permit.r, permit.s);
        }
    }

    // ── doors ────────────────────────────────────────────────────────────────────────────────────

    function _openLone(Entry memory entry, address sender) internal returns (bool opened) {
        Terms memory t = entry.terms;
        bool allowed = _receives(t, t.payee, _netAdvance(t));
        opened = _knock(sender, abi.encodeCall(factory.open, (entry)), allowed);
        if (opened) _expectFunding(t, _turnPage(t, 0), 0, 0);
        _compareFlows(SwitchToken(t.token));
    }

    function _openBatch(Entry[] memory entries, address sender) internal returns (bool opened) {
        Terms memory t = entries[0].terms;
        (bool allowed, uint256 spent) = _maySponsor(entries, _netAdvance(t));
        allowed = allowed && _receives(t, t.payee, _netAdvance(t) - spent);
        opened = _knock(sender, abi.encodeCall(factory.openBatch, (entries)), allowed);
        if (opened) {
            _expectFunding(t, _turnPage(t, 0), 0, spent);
            _turnSupplies(entries, _netAdvance(t));
        }
        _compareFlows(SwitchToken(t.token));
    }

    function _openSupply(Entry memory entry, Terms[] memory lineage, bool fits, address sender)
        internal
        returns (bool opened)
    {
        Terms memory t = entry.terms;
        bool allowed = fits && _receives(t, t.payee, _netAdvance(t));
        opened = _knock(sender, abi.encodeCall(factory.openSupply, (entry, lineage)), allowed);
        if (opened) _expectFunding(t, _turnPage(t, 0), 0, 0);
        _compareFlows(SwitchToken(t.token));
    }

    /// @dev What a novation of the page by `t` would bring along now, after the sweep.
    function _brings(Page storage p, Terms memory t) internal view returns (uint256) {
        (uint256 swept,) = _maturing(p, p.terms);
        return Arithmetic.min(p.left - swept, t.amount);
    }

    function _novate(uint256 index, Novation memory n) internal returns (bool replaced) {
        Page storage p = pages[index];
        Terms memory t = n.entries[0].terms;
        bytes memory data = abi.encodeCall(factory.novate, (p.terms, n.entries, n.least, n.payer, n.payee));
        replaced = _knock(n.sender, data, n.fits && _mayNovate(p, n.entries, n.least) && !_judges(n.entries, n.sender));
        if (replaced) {
            Terms memory old = p.terms;
            _sweep(p, old);
            uint256 brought = Arithmetic.min(p.left, t.amount);
            p.left -= brought;
            p.carried = brought;
            p.successor = _turnPage(t, index + 1);
            _expectFunding(t, p.successor, brought, 0);
            _expect(p.token, address(p.clone), p.successor, brought);
            _return(p, p.left);
            _end(p, State.Resolved);
            _payOut(p, old);
            _turnSupplies(n.entries, 0);
        }
        _compareFlows(p.token);
        _compareBooks(p, p.terms);
        p.touched = true;
    }

    /// @dev The maker's own word counts for no more than it still did, and the payer's limit holds.
    function _mayNovate(Page storage p, Entry[] memory entries, uint256 carried) private view returns (bool) {
        Terms memory t = entries[0].terms;
        (bool sponsored,) = _maySponsor(entries, 0);
        return sponsored && _isLive(p) && _brings(p, t) >= carried && _selfOf(t) <= _selfLeft(p, p.terms);
    }

    /// @dev Who brings the terms must not be their judge; a payee whose word is not asked may be anybody, a judge too.
    function _judges(Entry[] memory entries, address sender) private pure returns (bool judges) {
        for (uint256 i = 0; i < entries.length; ++i) {
            judges = judges || entries[i].terms.arbiter == sender;
        }
    }

    function _selfOf(Terms memory t) internal pure returns (uint256 sum) {
        for (uint256 i = 0; i < 8; ++i) {
            if (t.isSelfAttested(i)) sum += t.shareOf(i);
        }
    }

    function _netAdvance(Terms memory t) internal pure returns (uint256) {
        return t.advanceOf() - t.feeOf(t.advanceOf());
    }

    function _knock(address sender, bytes memory data, bool allowed) internal returns (bool opened) {
        bytes memory answer;
        vm.prank(sender);
        (opened, answer) = address(factory).call{gas: AMPLE_GAS}(data);
        _judge(data, opened, allowed, answer);
    }

    /// @dev The rules knew what the contracts would say to a call.
    function _judge(bytes memory data, bool done, bool allowed, bytes memory answer) internal {
        if (done != allowed) revert Disagreement(bytes4(data), allowed, answer);
        ++asked;
        if (!done) ++refused;
    }

    function _receives(Terms memory t, address to, uint256 amount) private view returns (bool) {
        return amount == 0 || _isWelcome(SwitchToken(t.token), to);
    }

    /// @dev What of the advance the supplies take, and whether the token lets their own advances through.
    function _maySponsor(Entry[] memory entries, uint256 advance) private view returns (bool allowed, uint256 spent) {
        allowed = true;
        for (uint256 i = 1; i < entries.length; ++i) {
            Terms memory t = entries[i].terms;
            spent += Arithmetic.min(advance - spent, t.amount);
            allowed = allowed && _receives(t, t.payee, _netAdvance(t));
        }
    }

    function _turnSupplies(Entry[] memory entries, uint256 advance) private {
        for (uint256 i = 1; i < entries.length; ++i) {
            Terms memory t = entries[i].terms;
            uint256 sponsored = Arithmetic.min(advance, t.amount);
            advance -= sponsored;
            address clone = _turnPage(t, 0);
            uint256 kept = Arithmetic.min(sponsored, t.amount - _netAdvance(t));
            _expectFunding(t, clone, kept, sponsored - kept);
            _expect(SwitchToken(t.token), entries[0].terms.payer, clone, kept);
            _expect(SwitchToken(t.token), entries[0].terms.payer, t.payee, sponsored - kept);
        }
    }

    /// @dev The clone gets the price less the advance, whose fee stays in it; the payee gets the advance. The payer pays
    /// both, but for what is `kept` already for the clone and `spent` already for the payee.
    function _expectFunding(Terms memory t, address clone, uint256 kept, uint256 spent) private {
        uint256 advance = _netAdvance(t);
        _expect(SwitchToken(t.token), t.payer, clone, t.amount - advance - kept);
        _expect(SwitchToken(t.token), t.payer, t.payee, advance - spent);
    }

    function _turnPage(Terms memory t, uint256 before) private returns (address clone) {
        clone = factory.addressOf(t);
        Page storage p = pages.push();
        (p.terms, p.id, p.clone, p.token, p.before) = (t, _idOf(t), IAgreement(clone), SwitchToken(t.token), before);
        p.touched = true;
        uint256 gross = t.advanceOf();
        (p.left, p.feeDue, p.selfPaid) = (t.amount - gross, t.feeOf(gross), gross);
        if (t.laneOf(Arithmetic.OPENED) != Arithmetic.NONE) p.paid = 1 << t.laneOf(Arithmetic.OPENED);
    }
}
